import { setTimeout as wait } from "node:timers/promises";
import { KubeConfig } from "@kubernetes/client-node";
import { createKubeClient, type KubeMethod, type KubeRequest } from "../../kube/kubeClient.ts";
import { makeImage } from "../../sandbox/registry/images.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import type { SandboxRegistry } from "../../sandbox/registry/server.ts";
import type { Cluster } from "../../test/e2e/harness/cluster.ts";
import { POD_NAME } from "../load/creators.ts";
import { podTemplate } from "./podTemplate.ts";
import { pushProved } from "../warm/images.ts";

/** What happens over and over until it is stopped. */
export interface Churn {
  /** How often each thing happened. */
  readonly counts: ReadonlyMap<string, number>;
  /** What was refused: a machine that is busy with other things has a deadline pass now and then. */
  readonly refusals: readonly string[];
  /** Rejects with what went wrong, once that is known or at the end. */
  readonly stop: () => Promise<void>;
}

/** Pods that are there at one time. */
const PODS = 300;
/**
 * Images that there are in all, and of them those that pods are made of at one time; what the moving tag names in turn. They come again and
 * again: a cache that has not seen enough to be full must not look like a leak.
 */
const IMAGES = 200;
const AT_ONE_TIME = 50;
const MOVES = 100;

const MOVED = "shop/moved";
/** Violated by every pod that names a tag; and its allowlist changes. */
const moving = (turn: number): object => ({
  enforcementAction: "warn",
  registries: { allow: ["registry.company.com", `registry-${turn % 10}.company.com`] },
  digest: { required: true, tagDrift: "Report" },
});

/** In the namespaces `shop` (what is proved) and `tags` (what is not), which are there. */
export const startChurn = ({ kubeconfig }: Cluster, registry: SandboxRegistry): Churn => {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const client = createKubeClient(config, "churn");
  const counts = new Map<string, number>();
  const ending = new AbortController();

  const refusals: string[] = [];
  const ask = async (method: KubeMethod, path: string, options: KubeRequest = {}): Promise<void> => {
    const { status, body } = await client.request(method, path, options);
    // What was refused before is not there to be deleted.
    if (status < 300 || (method === "DELETE" && status === 404)) return;
    const refusal = `${method} ${path}: ${status} ${JSON.stringify(body)}`;
    if (!/EvidenceUnavailable|context deadline exceeded/.test(refusal)) throw new Error(refusal);
    refusals.push(refusal);
  };
  /** One thing, so many times a second. */
  const lane = async (name: string, every: number, once: (turn: number) => Promise<void> | void): Promise<void> => {
    for (let turn = 0; !ending.signal.aborted; turn += 1) {
      await once(turn);
      counts.set(name, turn + 1);
      await wait(every, undefined, { signal: ending.signal }).catch(() => undefined);
    }
  };
  /** Makes a pod in each turn and deletes the one that is the oldest. */
  const pods =
    (namespace: string, images: () => readonly string[]) =>
    async (turn: number): Promise<void> => {
      const path = `/api/v1/namespaces/${namespace}/pods`;
      const text = JSON.stringify(podTemplate(images())).replaceAll(POD_NAME, `pod-${turn}`);
      await ask("POST", path, { body: JSON.parse(text) });
      if (turn >= PODS) await ask("DELETE", `${path}/pod-${turn - PODS}`);
    };
  const exceptions = "/apis/imagesecurity.dev/v1/imagesecurityexceptions";
  const policies = "/apis/imagesecurity.dev/v1/imagesecuritypolicies";
  const made = new Map<string, string>();
  const proved: string[] = [pushProved(registry, "shop/app-0")];
  const moveTag = (turn: number): void => {
    addToStore(registry.store, MOVED, makeImage({ layers: [{ turn: String(turn % MOVES) }] }), "stable");
  };
  moveTag(0);

  const lanes = [
    lane("images pushed", 500, (turn) => {
      const name = `shop/app-${(turn + 1) % IMAGES}`;
      // What is signed anew is another signature: each image is made once.
      const image = made.get(name) ?? pushProved(registry, name);
      made.set(name, image);
      proved.push(image);
      if (proved.length > AT_ONE_TIME) proved.shift();
    }),
    lane("tags moved", 700, moveTag),
    lane(
      "pods of proved images",
      80,
      pods("shop", () => pair(proved)),
    ),
    lane(
      "pods of tags",
      300,
      pods("tags", () => [`registry.company.com/${MOVED}:stable`]),
    ),
    lane("policies changed", 5_000, (turn) =>
      ask("PATCH", `${policies}/moving`, {
        query: { fieldManager: "churn", force: "true" },
        contentType: "application/apply-patch+yaml",
        body: {
          apiVersion: "imagesecurity.dev/v1",
          kind: "ImageSecurityPolicy",
          metadata: { name: "moving" },
          spec: { match: { namespaces: ["tags"] }, ...moving(turn) },
        },
      }),
    ),
    lane("exceptions made and deleted", 3_000, async (turn) => {
      const spec = {
        policies: ["moving"],
        rules: ["digest"],
        match: { namespaces: ["tags"], images: [`registry.company.com/${MOVED}:stable`] },
        reason: "the soak",
        expires: new Date(Date.now() + 86_400_000).toISOString(),
      };
      const metadata = { name: `soak-${turn}` };
      await ask("POST", exceptions, {
        body: { apiVersion: "imagesecurity.dev/v1", kind: "ImageSecurityException", metadata, spec },
      });
      if (turn > 0) await ask("DELETE", `${exceptions}/soak-${turn - 1}`);
    }),
  ];
  const all = Promise.all(lanes);
  // Told by stop; until then a lane that fails ends the others.
  all.catch(() => ending.abort());
  return {
    counts,
    refusals,
    stop: async () => {
      ending.abort();
      try {
        await all;
      } finally {
        await client.close();
      }
    },
  };
};

/** One of them and the one that was made after it: the operator keeps what pods are made of, 8,192 different, and any two would fill that for 20 minutes. */
const pair = (images: readonly string[]): readonly string[] => {
  const first = Math.floor(Math.random() * Math.max(1, images.length - 1));
  return images.slice(first, first + 2);
};
