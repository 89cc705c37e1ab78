import { field, isObject } from "../../json/fields.ts";
import type { ImageSecurityPolicy } from "../../crds/types.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { Subject } from "../../policy/subject/subject.ts";
import { NAME_LABEL } from "../../policy/subject/subjectOf.ts";
import { UsageError } from "../exitCode.ts";
import type { Manifest } from "../input/manifests.ts";

type Labels = Readonly<Record<string, string>>;

/** The labels of namespaces, as far as they were told. */
export type KnownNamespaces = ReadonlyMap<string, Labels>;

/** From the Namespaces among the files, and from `--namespace-labels NAMESPACE:key=value,...`, which wins. */
export const namespacesIn = (manifests: readonly Manifest[], flags: readonly string[]): KnownNamespaces => {
  const known = new Map<string, Labels>();
  const learn = (name: string, labels: Labels): void => void known.set(name, { ...labels, [NAME_LABEL]: name });
  for (const { apiVersion, kind, name, object } of manifests)
    if (apiVersion === "v1" && kind === "Namespace") learn(name, labelsOf(field(field(object, "metadata"), "labels")));
  for (const flag of flags) {
    const [, name, list] = /^([a-z0-9]([-a-z0-9]*[a-z0-9])?):(.*)$/.exec(flag)?.filter((_, at) => at !== 2) ?? [];
    const entries = (list ?? "").split(",").filter((entry) => entry !== "");
    if (name === undefined || entries.some((entry) => !entry.includes("=")))
      throw new UsageError(`--namespace-labels ${flag}: write NAMESPACE:key=value,key=value`);
    learn(
      name,
      Object.fromEntries(
        entries.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
      ),
    );
  }
  return known;
};

const labelsOf = (value: unknown): Labels =>
  Object.fromEntries(
    Object.entries(isObject(value) ? value : {}).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    ),
  );

/**
 * Throws UsageError where a policy asks for the labels of a namespace that nobody told: guessing would be a verdict that the cluster may not
 * give.
 */
export const demandLabels = (
  subjects: readonly Subject[],
  policies: readonly CompiledPolicy[],
  objects: readonly ImageSecurityPolicy[],
  known: KnownNamespaces,
): void => {
  const missing = new Map<string, string>();
  for (const subject of subjects)
    for (const [index, policy] of policies.entries()) {
      const object = objects[index];
      if (known.has(subject.namespace) || object === undefined || !asksForLabels(object)) continue;
      // Not known, so that it matches where only the labels could say no.
      if (policy.matchesSubject({ ...subject, namespaceLabels: undefined }))
        missing.set(subject.namespace, policy.name);
    }
  if (missing.size === 0) return;
  throw new UsageError(
    [...missing]
      .map(
        ([namespace, policy]) =>
          `policy ${policy} asks for the labels of namespace ${namespace}, which are not known: give its Namespace among the files, or --namespace-labels ${namespace}:key=value`,
      )
      .join("\n"),
  );
};

/** Whether labels other than the namespace's own name decide. */
const asksForLabels = ({ spec }: ImageSecurityPolicy): boolean =>
  [spec.match?.namespaceSelector, ...(spec.enforcementOverrides ?? []).map((one) => one.namespaceSelector)].some(
    (selector) =>
      selector !== undefined &&
      [...Object.keys(selector.matchLabels ?? {}), ...(selector.matchExpressions ?? []).map(({ key }) => key)].some(
        (key) => key !== NAME_LABEL,
      ),
  );
