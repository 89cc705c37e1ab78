import { setTimeout as sleep } from "node:timers/promises";
import type { KubeClient } from "../../../kube/kubeClient.ts";
import { fieldsOf, textOf } from "../../../json/fields.ts";

/** One pod that a creator asked for. */
export interface Sent {
  readonly name: string;
  /** Whether its image is one that is refused. */
  readonly refused: boolean;
  /** HTTP status of the API server; 0: none. */
  readonly status: number;
  readonly message: string;
  readonly milliseconds: number;
}

export interface LoadOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Clients that create one pod after the other. */
  readonly creators: number;
  /** Milliseconds that each rests between two. */
  readonly rest: number;
  /** The image of a pod that gets in, and of each fifth one, which must not. */
  readonly good: string;
  readonly bad: string;
}

export interface Load {
  readonly sent: () => readonly Sent[];
  /** Pods that were asked for and have no answer yet. */
  readonly inHand: () => number;
  /** Resolves when the last answer is there. */
  readonly stop: () => Promise<readonly Sent[]>;
}

/** Creates pods through the API server until it is stopped. */
export const startLoad = ({ client, namespace, creators, rest, good, bad }: LoadOptions): Load => {
  const sent: Sent[] = [];
  let inHand = 0;
  let stopped = false;
  let count = 0;

  const create = async (): Promise<void> => {
    count += 1;
    const refused = count % 5 === 0;
    const name = `pod-${count}`;
    const since = performance.now();
    inHand += 1;
    const { status, message } = await client
      .request("POST", `/api/v1/namespaces/${namespace}/pods`, {
        body: {
          apiVersion: "v1",
          kind: "Pod",
          metadata: { name },
          spec: { containers: [{ name: "main", image: refused ? bad : good }] },
        },
      })
      .then(
        (response) => ({ status: response.status, message: textOf(fieldsOf(response.body)["message"]) }),
        (error: unknown) => ({ status: 0, message: String(error) }),
      );
    inHand -= 1;
    sent.push({ name, refused, status, message, milliseconds: performance.now() - since });
  };
  const creating = Array.from({ length: creators }, async () => {
    while (!stopped) {
      await create();
      await sleep(rest);
    }
  });
  return {
    sent: () => sent,
    inHand: () => inHand,
    stop: async () => {
      stopped = true;
      await Promise.all(creating);
      return sent;
    },
  };
};
