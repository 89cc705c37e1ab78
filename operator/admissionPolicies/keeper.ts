import { fieldsOf, textOf } from "../../json/fields.ts";
import type { KubeClient, KubeResponse } from "../../kube/kubeClient.ts";
import { statusError } from "../../kube/kubeError.ts";
import { NotLeadingError, WRITE_TIMEOUT, type Leadership } from "../../kube/leaderElection/leadership.ts";
import type { Log } from "../../kube/log.ts";
import { labelsOf } from "../../kube/object.ts";
import { WorkQueue } from "../../kube/workQueue/workQueue.ts";
import { isSame } from "../../webhook/configurations/sameEntry.ts";
import { BINDING_KIND, POLICY_KIND, type AdmissionPolicyPair } from "./generate.ts";
import { collectionOf, type LiveKind, type LiveObject, type LiveObjects } from "./live.ts";
import { NAME_PREFIX, type Wanted } from "./wanted.ts";

export interface KeeperOptions {
  readonly client: KubeClient;
  readonly live: LiveObjects;
  /** What is to stand, by the policy's name; undefined: not known yet. */
  readonly wanted: () => ReadonlyMap<string, Wanted> | undefined;
  readonly leadership: Leadership;
  /** What is known of a policy's objects has changed. */
  readonly onChange: () => void;
  readonly log: Log;
}

/** How a policy stands in the API server. */
export type Kept =
  | { readonly status: "kept"; readonly name: string; readonly left: readonly string[] }
  | { readonly status: "none"; readonly reason: string; readonly message: string };

/** Keeps the generated objects as they should be, whoever changes them. */
export interface Keeper {
  /** Looks at all of them: policies, objects, the leadership or the time may have changed. */
  readonly refresh: () => void;
  /** undefined: not known, or not yet. */
  readonly kept: (policy: string) => Kept | undefined;
  /** This operator leads no longer: nothing is written, and what is known may be old. */
  readonly reset: () => void;
  readonly settled: () => Promise<void>;
  readonly close: () => Promise<void>;
}

type Object = AdmissionPolicyPair["policy"] | AdmissionPolicyPair["binding"];

/** Creates, puts right and removes objects by their name, each one pair at a time; never one that is not ours. */
export function createKeeper({ client, live, wanted, leadership, onChange, log }: KeeperOptions): Keeper {
  const known = new Map<string, Kept>();
  /** What the API server refused, and would again. */
  const refused = new Map<string, { readonly pair: AdmissionPolicyPair; readonly kept: Kept }>();
  /** What was seen to stand as it should: where that is found otherwise later, somebody else did it. */
  const stood = new Map<string, Object>();
  let current: ReadonlyMap<string, Wanted> = new Map();

  const tell = (policy: string, kept: Kept | undefined): void => {
    const before = known.get(policy);
    if (isSame(before, kept)) return;
    if (kept === undefined) known.delete(policy);
    else known.set(policy, kept);
    if (kept?.status === "none" && kept.reason !== "RefusesNothing")
      log.warn(`a policy does not stand in the API server: ${kept.message}`, { policy, reason: kept.reason });
    onChange();
  };

  const write = async (
    method: "POST" | "PUT" | "DELETE",
    path: string,
    body: object,
    signal: AbortSignal,
  ): Promise<KubeResponse> => {
    if (!leadership.mayWrite()) throw new NotLeadingError();
    const query = method === "DELETE" ? {} : { fieldManager: "image-security" };
    return client.request(method, path, { body, query, signal, timeout: WRITE_TIMEOUT });
  };

  /** Why the object cannot stand; undefined: it does. Rejects where it is to be tried again. */
  const put = async (kind: LiveKind, object: Object, signal: AbortSignal): Promise<Kept | undefined> => {
    const name = object.metadata.name;
    const before = live.get(kind, name);
    if (before !== undefined && !before.ours)
      return none("NameTaken", `${kind} ${name} is somebody else's: remove it, so that the operator's own can stand`);
    const place = `${kind}/${name}`;
    if (before !== undefined && isAsWanted(before, object)) {
      stood.set(place, object);
      return undefined;
    }
    const response =
      before === undefined
        ? await write("POST", collectionOf(kind), object, signal)
        : await write("PUT", `${collectionOf(kind)}/${name}`, withVersion(object, before), signal);
    const { status, body } = response;
    if (status === 200 || status === 201) {
      live.learn(kind, body);
      if (before !== undefined && isSame(stood.get(place), object))
        log.warn("a generated object was changed by someone else, and is put right", { kind, name });
      stood.set(place, object);
      return undefined;
    }
    const message = textOf(fieldsOf(body)["message"]);
    // Too large an object is refused by its size before anything else (413), or by etcd's (500).
    if ([400, 413, 422].includes(status) || /too large/i.test(message))
      return none("NotCompiled", `the API server refuses it: ${message}`);
    if (status === 403) return none("Forbidden", `${message}; ${RIGHTS}`);
    throw statusError(before === undefined ? "POST" : "PUT", name, response);
  };

  const remove = async (kind: LiveKind, name: string, signal: AbortSignal): Promise<void> => {
    stood.delete(`${kind}/${name}`);
    const before = live.get(kind, name);
    if (before === undefined || !before.ours) return;
    const response = await write(
      "DELETE",
      `${collectionOf(kind)}/${name}`,
      { apiVersion: "v1", kind: "DeleteOptions", preconditions: { resourceVersion: before.resourceVersion } },
      signal,
    );
    if (![200, 202, 404].includes(response.status)) throw statusError("DELETE", name, response);
    live.forget(kind, name, before);
  };

  const process = async (name: string, signal: AbortSignal): Promise<void> => {
    const policy = name.slice(NAME_PREFIX.length);
    const target = current.get(policy);
    if (target?.status !== "pair") {
      await remove(BINDING_KIND, name, signal);
      await remove(POLICY_KIND, name, signal);
      tell(policy, target === undefined ? undefined : none(target.reason, target.message));
      return;
    }
    const { pair, left } = target;
    const before = refused.get(policy);
    if (before !== undefined && isSame(before.pair, pair)) {
      // What stands of an older version may refuse more than the policy does now.
      await remove(BINDING_KIND, name, signal);
      tell(policy, before.kept);
      return;
    }
    refused.delete(policy);
    const failed = (await put(POLICY_KIND, pair.policy, signal)) ?? (await put(BINDING_KIND, pair.binding, signal));
    if (failed?.status === "none" && failed.reason === "NotCompiled") {
      refused.set(policy, { pair, kept: failed });
      await remove(BINDING_KIND, name, signal);
    }
    tell(policy, failed ?? { status: "kept", name, left });
  };

  const queue = new WorkQueue({ name: "keeping a ValidatingAdmissionPolicy", concurrency: 2, process, log });
  return {
    refresh: () => {
      if (!leadership.mayWrite()) return;
      const newest = wanted();
      if (newest === undefined) return;
      if (!live.synced()) {
        const problem = live.problem();
        if (problem !== undefined)
          for (const policy of newest.keys()) tell(policy, none("Forbidden", `${problem}; ${RIGHTS}`));
        return;
      }
      current = newest;
      const names = [...newest.keys()].map((policy) => `${NAME_PREFIX}${policy}`);
      for (const name of new Set([...names, ...live.ours(POLICY_KIND), ...live.ours(BINDING_KIND)]))
        // A label can be put on anything: what does not have our name is not ours either.
        if (name.startsWith(NAME_PREFIX)) queue.add(name);
    },
    kept: (policy) => known.get(policy),
    reset: () => {
      queue.clear();
      known.clear();
      refused.clear();
      stood.clear();
    },
    settled: () => queue.settled(),
    close: () => queue.close(),
  };
}

/** Without them nothing is kept. */
const RIGHTS = "the rights are in config/components/admission-policies";

function none(reason: string, message: string): Kept {
  return { status: "none", reason, message };
}

/** The labels of others may stay; the rest is as it should be, but for what is empty. */
function isAsWanted({ metadata, spec }: LiveObject, { metadata: own, spec: wanted }: Object): boolean {
  const labels = labelsOf(metadata["labels"]);
  return (
    isSame(spec, wanted) &&
    Object.entries(own.labels ?? {}).every(([name, value]) => labels[name] === value) &&
    isSame(metadata["ownerReferences"], own.ownerReferences)
  );
}

function withVersion(object: Object, { metadata, resourceVersion }: LiveObject): object {
  return {
    ...object,
    metadata: {
      ...object.metadata,
      resourceVersion,
      annotations: metadata["annotations"],
      labels: { ...labelsOf(metadata["labels"]), ...object.metadata.labels },
    },
  };
}
