import type { ControlPlane } from "../../sandbox/controlPlane.ts";

/** What etcd holds. */
export interface Stored {
  readonly objects: number;
  /** Bytes of their keys and values. */
  readonly bytes: number;
}

/** Keys asked for at a time. */
const PAGE = 500;

/** The objects of a resource as etcd holds them, such as `pods`. */
export const storedOf = async ({ etcdUrl }: ControlPlane, resource: string): Promise<Stored> => {
  let [objects, bytes] = [0, 0];
  let from = `/registry/${resource}/`;
  // The key after all that begin with the prefix.
  const end = `/registry/${resource}0`;
  for (;;) {
    const { kvs = [], more = false } = await ask<Range>(etcdUrl, "kv/range", {
      key: base64(from),
      range_end: base64(end),
      limit: PAGE,
    });
    for (const { key, value } of kvs) {
      objects += 1;
      bytes += Buffer.byteLength(key, "base64") + Buffer.byteLength(value, "base64");
      from = `${Buffer.from(key, "base64").toString()}\0`;
    }
    if (!more) return { objects, bytes };
  }
};

/** Bytes of etcd's file that are in use once what was before is dropped, as the API server has it dropped every five minutes. */
export const databaseBytes = async ({ etcdUrl }: ControlPlane): Promise<number> => {
  const { header } = await ask<Status>(etcdUrl, "maintenance/status", {});
  await ask(etcdUrl, "kv/compaction", { revision: header.revision, physical: true });
  return Number((await ask<Status>(etcdUrl, "maintenance/status", {})).dbSizeInUse);
};

interface Range {
  readonly kvs?: readonly { readonly key: string; readonly value: string }[];
  readonly more?: boolean;
}

interface Status {
  readonly header: { readonly revision: string };
  readonly dbSizeInUse: string;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** etcd's API as JSON. */
const ask = async <T>(etcdUrl: string, what: string, body: object): Promise<T> => {
  const answer = await fetch(`${etcdUrl}/v3/${what}`, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${what}: ${answer.status} ${await answer.text()}`);
  // Its own JSON form.
  return (await answer.json()) as T;
};
