import { expectStatus, getObject } from "../../kube/expectStatus.ts";
import type { KubeClient, KubeMethod } from "../../kube/kubeClient.ts";
import { NotLeadingError, WRITE_TIMEOUT, type Leadership } from "../../kube/leaderElection/leadership.ts";

/** `done` has the object as it stands now. `stale`: what the write was based on is no longer so; read it again. */
export type WriteResult = { readonly status: "done"; readonly body: unknown } | { readonly status: "stale" };

/** What a replacement or deletion is based on. */
export interface Basis {
  readonly uid: string;
  readonly resourceVersion: string;
}

/** A collection of namespaced objects that the operator alone writes, such as `/apis/imagesecurity.dev/v1` and `violations`. */
export interface OwnCollection {
  readonly api: string;
  readonly resource: string;
}

interface Named {
  readonly metadata: { readonly namespace?: string; readonly name?: string };
}

/** The writes of Violations, and of what else follows from verdicts. Each rejects where this operator may not write, and with KubeError for what has to be tried again. */
export interface ViolationApi {
  readonly create: (body: Named, signal: AbortSignal) => Promise<WriteResult>;
  readonly replace: (key: string, body: Named, basis: Basis, signal: AbortSignal) => Promise<WriteResult>;
  /** Nothing, where it is gone already. */
  readonly remove: (key: string, basis: Basis, signal: AbortSignal) => Promise<WriteResult>;
  /** undefined: there is none. */
  readonly read: (key: string, signal: AbortSignal) => Promise<unknown>;
}

const VIOLATIONS: OwnCollection = { api: "/apis/imagesecurity.dev/v1", resource: "violations" };

export function createViolationApi(
  client: KubeClient,
  leadership: Leadership,
  { api, resource }: OwnCollection = VIOLATIONS,
): ViolationApi {
  const pathOf = (key: string): string => {
    const [namespace, name] = key.split("/");
    return `${api}/namespaces/${namespace}/${resource}/${name}`;
  };
  const send = async (
    method: KubeMethod,
    path: string,
    body: unknown,
    signal: AbortSignal,
    stale: readonly number[],
    done: readonly number[],
  ): Promise<WriteResult> => {
    if (!leadership.mayWrite()) throw new NotLeadingError();
    const options = { body, signal, timeout: WRITE_TIMEOUT };
    const response = await expectStatus(client, [...done, ...stale], method, path, options);
    return stale.includes(response.status) ? { status: "stale" } : { status: "done", body: response.body };
  };

  return {
    create: (body, signal) =>
      send("POST", `${api}/namespaces/${body.metadata.namespace}/${resource}`, body, signal, [409], [201]),
    replace: (key, body, { uid, resourceVersion }, signal) => {
      const whole = { ...body, metadata: { ...body.metadata, uid, resourceVersion } };
      return send("PUT", pathOf(key), whole, signal, [409, 404], [200]);
    },
    remove: (key, { uid }, signal) => {
      const options = { kind: "DeleteOptions", apiVersion: "v1", preconditions: { uid } };
      return send("DELETE", pathOf(key), options, signal, [409], [200, 202, 404]);
    },
    read: (key, signal) => getObject(client, pathOf(key), { signal, timeout: WRITE_TIMEOUT }),
  };
}
