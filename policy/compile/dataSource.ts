import type { KeyReference } from "../../crds/types.ts";
import type { PolicyFault } from "./faults.ts";
import type { Resolve } from "./resolve.ts";

/** Where a policy says that a text is: in another object, or written in the policy. */
export interface DataSource {
  readonly secretRef?: KeyReference;
  readonly configMapRef?: KeyReference;
  readonly inline?: string;
}

export type ReadText =
  | { readonly status: "ok"; readonly text: string; readonly path: string }
  | { readonly status: "fault"; readonly fault: PolicyFault };

/** Reads the one source that is given; `fields` are the names that the message offers where none or several are. */
export function readText(source: DataSource, path: string, resolve: Resolve, fields: string): ReadText {
  const given = [source.secretRef, source.configMapRef, source.inline].filter((one) => one !== undefined);
  if (given.length !== 1) return fault("InvalidSpec", path, `write exactly one of ${fields}`);
  if (source.inline !== undefined) return { status: "ok", text: source.inline, path };
  if (source.secretRef !== undefined) return readReference("Secret", source.secretRef, `${path}.secretRef`, resolve);
  return source.configMapRef === undefined
    ? fault("InvalidSpec", path, `write exactly one of ${fields}`)
    : readReference("ConfigMap", source.configMapRef, `${path}.configMapRef`, resolve);
}

/** Reads a key of a Secret or ConfigMap; a fault where it is not there, or in a namespace that is not trusted. */
export function readReference(
  kind: "Secret" | "ConfigMap",
  { namespace, name, key }: KeyReference,
  path: string,
  resolve: Resolve,
): ReadText {
  const found = resolve({ kind, namespace, name, key });
  switch (found.status) {
    case "found":
      return { status: "ok", text: found.text, path };
    case "missing":
      return fault("ReferenceNotFound", path, found.message);
    case "notTrusted":
      return fault("NamespaceNotTrusted", path, found.message);
  }
}

function fault(reason: PolicyFault["reason"], path: string, message: string): ReadText {
  return {
    status: "fault",
    fault: { reason, path, message },
  };
}
