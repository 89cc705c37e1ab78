import { Gate } from "../../async/gate.ts";
import { compareText } from "../../policy/compareText.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import type { EnforcementAction, Finding } from "../../policy/finding/finding.ts";
import { subjectOf } from "../../policy/subject/subjectOf.ts";
import { judgeManifest, type JudgeOptions } from "../check/judgeManifest.ts";
import type { AuditedImage, AuditFinding, AuditResult, PolicyRadius } from "./auditResult.ts";
import type { Workload } from "./workloads.ts";

/** Objects judged at the same time. */
const AT_ONCE = 32;

export interface AuditOptions extends JudgeOptions {
  /** As they are in force; `policies` are the same ones, all of which deny. */
  readonly inForce: ReadonlyMap<string, CompiledPolicy>;
  /** What the kubeconfig calls it. */
  readonly cluster: string;
  readonly notes: readonly string[];
}

/**
 * What would be refused if every pod and every template were made anew and every policy denied: the blast radius of `deny`. A pod's status
 * is left out: what runs already runs.
 */
export const audit = async (workloads: readonly Workload[], options: AuditOptions): Promise<AuditResult> => {
  const findings = new Map<string, Writable<AuditFinding>>();
  const refused = new Map(options.policies.map(({ name }) => [name, new Set<Workload>()]));
  const gate = new Gate(AT_ONCE);
  const failures: unknown[] = [];
  for (const workload of workloads)
    await gate.run(async () => {
      try {
        for (const finding of await judged(workload, options)) {
          const { policy, refuses } = add(findings, finding, workload, options);
          if (refuses) refused.get(policy)?.add(workload);
        }
      } catch (error) {
        failures.push(error);
      }
    });
  await gate.empty();
  const [failure] = failures;
  if (failure !== undefined) throw new Error("an object could not be judged", { cause: failure });
  const sorted = [...findings.values()].toSorted((a, b) => compareText(sortKey(a), sortKey(b)));
  return {
    cluster: options.cluster,
    pods: workloads.filter(({ type }) => type === "pod").length,
    templates: workloads.filter(({ type }) => type === "template").length,
    namespaces: new Set(workloads.map(({ manifest }) => manifest.namespace)).size,
    images: imagesOf(workloads, options),
    policies: [...refused].map(([policy, objects]) => radiusOf(policy, [...objects], options)),
    findings: sorted,
    notes: options.notes,
  };
};

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

const judged = async ({ manifest }: Workload, options: AuditOptions): Promise<readonly Finding[]> => {
  const { status: _status, ...object } = manifest.object;
  return (await judgeManifest({ ...manifest, object }, manifest.namespace, options)).findings;
};

const add = (
  all: Map<string, Writable<AuditFinding>>,
  { policy, rule, reason, container, image, message, action, exempted }: Finding,
  { manifest: { namespace }, owner, type }: Workload,
  options: AuditOptions,
): AuditFinding => {
  const key = JSON.stringify([policy, namespace, owner, container, image, reason, message]);
  const known = all.get(key) ?? {
    policy,
    inForce: actionIn(policy, namespace, options),
    refuses: action === "deny" && exempted === undefined,
    ...(exempted === undefined ? {} : { exempted }),
    namespace,
    owner,
    rule,
    reason,
    container,
    image,
    message,
    pods: 0,
    templates: 0,
  };
  if (type === "pod") known.pods += 1;
  else known.templates += 1;
  all.set(key, known);
  return known;
};

const actionIn = (policy: string, namespace: string, { inForce, namespaceLabels }: AuditOptions): EnforcementAction =>
  inForce.get(policy)?.actionIn(namespace, namespaceLabels(namespace)) ?? "deny";

const sortKey = ({ policy, namespace, owner, container, image, reason }: AuditFinding): string =>
  [policy, namespace, owner, container, image, reason].join("\u0000");

/** Counted by object, not by finding: an object with three findings is refused once. */
const radiusOf = (policy: string, objects: readonly Workload[], options: AuditOptions): PolicyRadius => {
  const namespaces = [...new Set(objects.map(({ manifest }) => manifest.namespace))].toSorted();
  return {
    policy,
    inForce: [...new Set(namespaces.map((namespace) => actionIn(policy, namespace, options)))].toSorted(),
    pods: objects.filter(({ type }) => type === "pod").length,
    templates: objects.filter(({ type }) => type === "template").length,
    owners: new Set(objects.map(({ manifest: { namespace }, owner }) => `${namespace} ${owner}`)).size,
    namespaces,
  };
};

const imagesOf = (
  workloads: readonly Workload[],
  { namespaceLabels, placeholders }: AuditOptions,
): readonly AuditedImage[] => {
  const found = new Map<string, Writable<AuditedImage> & { readonly places: Set<string> }>();
  for (const { manifest, type } of workloads) {
    const { kind, namespace, object } = manifest;
    const { images } = subjectOf(object, {
      kind,
      namespace,
      namespaceLabels: namespaceLabels(namespace),
      placeholders,
    });
    for (const image of new Map(images.map((use) => [use.image, use])).values()) {
      const { parsed } = image;
      const reference = parsed.status === "ok" ? parsed.reference : undefined;
      const known = found.get(image.image) ?? {
        image: image.image,
        registry: reference?.registry ?? "",
        form:
          reference === undefined
            ? "malformed"
            : reference.digest === undefined
              ? "tag"
              : reference.tag === undefined
                ? "digest"
                : "tag and digest",
        namespaces: [],
        pods: 0,
        templates: 0,
        places: new Set<string>(),
      };
      known.places.add(namespace);
      if (type === "pod") known.pods += 1;
      else known.templates += 1;
      found.set(image.image, known);
    }
  }
  return [...found.values()]
    .map(({ places, ...image }) => ({ ...image, namespaces: [...places].toSorted() }))
    .toSorted((a, b) => compareText(`${a.registry}\u0000${a.image}`, `${b.registry}\u0000${b.image}`));
};
