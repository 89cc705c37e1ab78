import type { DataReference, Resolve, ResolvedData } from "../../policy/compile/resolve.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { dnsLabel, objectName } from "../settings/checks.ts";
import { KubeError, messageOf } from "../../kube/kubeError.ts";
import { fieldsOf, textOf } from "../../json/fields.ts";
import type { Log } from "../../kube/log.ts";
import { Reflector, type ReflectorTiming } from "../../kube/cache/reflector.ts";

export interface ReferencesOptions {
  readonly client: KubeClient;
  /** The operator's own namespace. */
  readonly namespace: string;
  readonly trustNamespaces: readonly string[] | "*";
  readonly log: Log;
  /** `of` tells one watch of a resource from others. */
  readonly onAlive?: (resource: string, now: number, of: string) => void;
  readonly onEnded?: (resource: string, of: string) => void;
  readonly timing?: Partial<ReflectorTiming>;
  /** Milliseconds that compiling waits for something that is referred to for the first time; then it counts as missing. */
  readonly patience?: number;
}

/**
 * The Secrets and ConfigMaps that policies refer to, and nothing else: each is watched by its name, and only the key that is asked for
 * is kept. Nothing outside the trusted namespaces is ever asked for.
 */
export interface References {
  /** Answers from what is known; what is asked for the first time is watched from then on, and missing until it was read. */
  readonly resolve: Resolve;
  /** Runs a compilation; gives what it gave, and whether it was answered without what is still being read. */
  readonly during: <T>(compile: () => T) => { readonly value: T; readonly pending: boolean };
  readonly onPing: (listener: () => void) => () => void;
  /** Always: what is not known yet is told by `pending`. */
  readonly synced: () => boolean;
  readonly stop: () => Promise<void>;
}

/** The one key of a Secret or ConfigMap that is kept; undefined where the object has no such key. */
interface KeptData {
  readonly text: string | undefined;
}

interface Watched {
  readonly watch: Reflector<KeptData>;
  /** Nobody refers to it any more, and the watch has ended. */
  readonly ended: () => void;
  /** Why it could not be read, in words that follow what it is. */
  readonly failure: () => string;
  readonly giveUpAt: number;
  readonly timer: NodeJS.Timeout;
}

const PATIENCE_MS = 3_000;

export function createReferences(options: ReferencesOptions): References {
  const { client, namespace, trustNamespaces, log, patience = PATIENCE_MS } = options;
  const watched = new Map<string, Watched>();
  const listeners = new Set<() => void>();
  const ending = new Set<Promise<void>>();
  let asked: Set<string> | undefined;
  let waiting = false;
  let started = 0;

  const ping = (): void => {
    for (const listener of listeners) listener();
  };

  const start = (reference: DataReference): Watched => {
    const resource = reference.kind === "Secret" ? "secrets" : "configmaps";
    const { onAlive, onEnded } = options;
    const of = String((started += 1));
    let failure = "could not be read yet";
    const watch = new Reflector<KeptData>({
      resource,
      client,
      path: `/api/v1/namespaces/${encodeURIComponent(reference.namespace)}/${resource}`,
      fieldSelector: `metadata.name=${reference.name}`,
      project: (object) => ({ text: referredText(object, reference) }),
      same: (before, after) => before.text === after.text,
      log,
      onFailed: (error) => {
        failure = failureOf(error, reference.namespace);
        ping();
      },
      ...(onAlive === undefined ? {} : { onAlive: (now: number) => onAlive(resource, now, of) }),
      ...(options.timing === undefined ? {} : { timing: options.timing }),
    });
    watch.store.onPing(ping);
    watch.start();
    return {
      watch,
      ended: () => onEnded?.(resource, of),
      failure: () => failure,
      giveUpAt: performance.now() + patience,
      timer: setTimeout(ping, patience + 10),
    };
  };

  const end = ({ watch, ended, timer }: Watched): void => {
    clearTimeout(timer);
    const stopped = watch.stop().finally(() => {
      ending.delete(stopped);
      ended();
    });
    ending.add(stopped);
  };

  const resolve: Resolve = (reference) => {
    const { kind, name, key } = reference;
    const where = `${kind} ${reference.namespace}/${name}`;
    if (
      reference.namespace !== namespace &&
      trustNamespaces !== "*" &&
      !trustNamespaces.includes(reference.namespace)
    ) {
      return {
        status: "notTrusted",
        message: `namespace "${reference.namespace}" is not trusted; name it in --trust-namespaces, or put the ${kind} into "${namespace}"`,
      };
    }
    // Whatever the API server has checked: the name becomes part of a selector.
    if (objectName(name) !== undefined || dnsLabel(reference.namespace) !== undefined) {
      return missing(`"${name}" is no name of a ${kind}`);
    }
    const id = JSON.stringify([kind, reference.namespace, name, key]);
    asked?.add(id);
    let one = watched.get(id);
    if (one === undefined) watched.set(id, (one = start(reference)));
    if (!one.watch.synced()) {
      if (performance.now() < one.giveUpAt) waiting = true;
      return missing(`${where} ${one.failure()}`);
    }
    const data = one.watch.store.get(`${reference.namespace}/${name}`);
    if (data === undefined) return missing(`${where} does not exist`);
    return data.text === undefined ? missing(`${where} has no key "${key}"`) : { status: "found", text: data.text };
  };

  return {
    resolve,
    during: (compile) => {
      asked = new Set();
      waiting = false;
      const value = compile();
      for (const [id, one] of watched) {
        if (asked.has(id)) continue;
        watched.delete(id);
        end(one);
      }
      asked = undefined;
      return { value, pending: waiting };
    },
    onPing: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    synced: () => true,
    stop: async () => {
      listeners.clear();
      for (const one of watched.values()) end(one);
      watched.clear();
      await Promise.all(ending);
    },
  };
}

/** The API server names who asked: `User "system:serviceaccount:NAMESPACE:NAME" cannot list ...`. */
const ASKED_BY = /User "(?:system:serviceaccount:([^":]+):([^"]+)|([^"]*))"/;

function failureOf(error: unknown, namespace: string): string {
  if (!(error instanceof KubeError) || error.status !== 403) return `could not be read yet (${messageOf(error)})`;
  const [, of, name, user] = ASKED_BY.exec(error.message) ?? [];
  const who =
    name !== undefined ? `ServiceAccount ${of}/${name}` : user === undefined ? "the operator" : `user ${user}`;
  return `may not be read: forbidden, no Role for ${who} in namespace "${namespace}"; apply one such as config/trusted`;
}

const missing = (message: string): ResolvedData => ({ status: "missing", message });

function referredText(object: unknown, { kind, key }: DataReference): string | undefined {
  const whole = fieldsOf(object);
  const data = fieldsOf(whole["data"]);
  if (kind === "ConfigMap" && Object.hasOwn(data, key)) return textOf(data[key]);
  // Secrets hold base64, and so do the binary parts of ConfigMaps.
  const encoded = kind === "Secret" ? data : fieldsOf(whole["binaryData"]);
  return Object.hasOwn(encoded, key) ? Buffer.from(textOf(encoded[key]), "base64").toString("utf8") : undefined;
}
