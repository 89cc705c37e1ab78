import { OBJECT_SCHEMAS } from "../../crds/objectSchemas.ts";
import type { ImageSecurityException, ImageSecurityPolicy } from "../../crds/types.ts";
import { field, isObject, textField } from "../../json/fields.ts";
import { compilePolicy } from "../../policy/compile/policy.ts";
import type { Resolve } from "../../policy/compile/resolve.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import { compileException } from "../../policy/exceptions/compileException.ts";
import type { CompiledException } from "../../policy/exceptions/compiledException.ts";
import { maxExceptionDuration } from "../../operator/settings/options/operator.ts";
import { UsageError } from "../exitCode.ts";
import { validateObject } from "../schema/validateObject.ts";
import type { Manifest } from "./manifests.ts";

export const GROUP = "imagesecurity.dev";

export const isOurs = ({ apiVersion }: Manifest): boolean => apiVersion.startsWith(`${GROUP}/`);

/** What is judged by. */
export interface PolicyFiles {
  readonly policies: readonly CompiledPolicy[];
  /** The policies as they are written, with the schema's defaults, in the same order. */
  readonly objects: readonly ImageSecurityPolicy[];
  readonly exceptions: readonly CompiledException[];
}

/**
 * The policies and exceptions among some files, read as an API server with the CRDs reads them. Throws UsageError with every fault, its file and line:
 * what a cluster would refuse is not judged by.
 * `now` in milliseconds since the epoch: an exception that was not applied yet is created then. What only an operator can see (a key that is not there) stays a fault of the policy.
 */
export const policiesIn = (manifests: readonly Manifest[], resolve: Resolve, now: number): PolicyFiles => {
  const faults: string[] = [];
  const names = new Map<string, Manifest>();
  const exceptions: CompiledException[] = [];
  const objects = manifests.filter(isOurs).flatMap((manifest): readonly ImageSecurityPolicy[] => {
    const schema = OBJECT_SCHEMAS[manifest.kind];
    if (schema === undefined || manifest.apiVersion !== `${GROUP}/v1`) {
      faults.push(
        `${placeOf(manifest, ["kind"])}: there is no ${manifest.apiVersion} ${manifest.kind}; ${GROUP}/v1 has ${Object.keys(OBJECT_SCHEMAS).toSorted().join(", ")}`,
      );
      return [];
    }
    const { value, faults: found } = validateObject(schema, manifest.object);
    for (const { path, message } of found)
      faults.push(`${placeOf(manifest, keysOf(path))}: ${manifest.kind} ${manifest.name}: ${path}: ${message}`);
    if (manifest.kind === "ImageSecurityException" && found.length === 0)
      // Of the schema's shape, from which the type is generated. As long as a cluster takes one by default.
      exceptions.push(compileException(value as ImageSecurityException, { maxDuration: LONGEST_EXCEPTION, now }));
    if (manifest.kind !== "ImageSecurityPolicy") return [];
    const before = names.get(manifest.name);
    if (before !== undefined)
      faults.push(
        `${placeOf(manifest, ["metadata", "name"])}: ${manifest.name} is in ${placeOf(before, [])} already; give --policy one of them`,
      );
    names.set(manifest.name, manifest);
    // Of the schema's shape, from which the type is generated.
    return found.length > 0 ? [] : [value as ImageSecurityPolicy];
  });
  const policies = objects.map((object) => compilePolicy(object, resolve));
  for (const [index, policy] of policies.entries()) {
    const manifest = names.get(objects[index]?.metadata.name ?? "");
    for (const { reason, path, message } of policy.faults)
      // The schema took it and the operator would not: a cluster would say so in the policy's status.
      if (manifest !== undefined && !WITHOUT_CLUSTER.has(reason))
        faults.push(`${placeOf(manifest, keysOf(path))}: ImageSecurityPolicy ${policy.name}: ${path}: ${message}`);
  }
  if (faults.length > 0) throw new UsageError(faults.join("\n"));
  return { policies, objects, exceptions };
};

/** Milliseconds; the default of `--max-exception-duration`. */
const LONGEST_EXCEPTION = maxExceptionDuration.fallback;

/** Faults that come from what the files do not hold; the verdict says so where it matters. */
const WITHOUT_CLUSTER: ReadonlySet<string> = new Set(["ReferenceNotFound", "NamespaceNotTrusted"]);

const placeOf = (manifest: Manifest, keys: readonly (string | number)[]): string =>
  `${manifest.path}:${manifest.lineOf(keys)}`;

/** `spec.authorities[0].key` and `spec.match.namespaceSelector.matchLabels[a]` as keys. */
const keysOf = (path: string): readonly (string | number)[] =>
  [...path.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)].map(([, bracketed, name]) =>
    bracketed === undefined ? (name ?? "") : /^\d+$/.test(bracketed) ? Number(bracketed) : bracketed,
  );

/** What policies refer to, from the Secrets and ConfigMaps of the files. */
export const resolveIn = (manifests: readonly Manifest[]): Resolve => {
  const found = new Map(
    manifests
      .filter(({ apiVersion, kind }) => apiVersion === "v1" && (kind === "Secret" || kind === "ConfigMap"))
      .map((manifest) => [`${manifest.kind} ${manifest.namespace}/${manifest.name}`, manifest.object]),
  );
  return ({ kind, namespace, name, key }) => {
    const object = found.get(`${kind} ${namespace}/${name}`);
    const where = `${kind} ${namespace}/${name}`;
    if (object === undefined)
      return {
        status: "missing",
        message: `${where} is in none of the files; give it with --policy or --from-cluster`,
      };
    const text = kind === "Secret" ? secretText(object, key) : textField(field(object, "data"), key);
    return text === undefined
      ? { status: "missing", message: `${where} has no key ${key}` }
      : { status: "found", text };
  };
};

const secretText = (object: unknown, key: string): string | undefined => {
  const plain = textField(field(object, "stringData"), key);
  if (plain !== undefined) return plain;
  const encoded = textField(field(object, "data"), key);
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("utf8");
};

/** `data` of a Secret as the API server has it, for pull secrets. */
export const secretData = (object: unknown): Readonly<Record<string, string>> => {
  const [data, plain] = [field(object, "data"), field(object, "stringData")];
  const entries = (value: unknown): readonly (readonly [string, string])[] =>
    Object.entries(isObject(value) ? value : {}).flatMap(([name, text]) =>
      typeof text === "string" ? [[name, text] as const] : [],
    );
  return Object.fromEntries([
    ...entries(data),
    ...entries(plain).map(([name, text]) => [name, Buffer.from(text).toString("base64")] as const),
  ]);
};
