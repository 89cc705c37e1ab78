import type { EnforcementOverride, LabelSelector, PolicyMatch, PolicySpec } from "../../crds/types.ts";
import { compileSelector } from "../subject/selector.ts";
import { allOf, anyOf, escaped, isOneOf, not, regex, text, texts, type Variable } from "./cel.ts";

/**
 * What a request is about, as `subject/subjectOf.ts` sees it. Fields may be missing, and types of objects differ.
 * @param placeholders what is no image in a template.
 */
export function subjectVariables(placeholders: readonly string[]): readonly Variable[] {
  // In an update only what the old object does not name: what is old is never refused.
  const isNew = `request.operation != "UPDATE" || !(i.image in variables.oldImages)`;
  const isImage = anyOf([`request.kind.kind == "Pod"`, not(isOneOf("i.image", placeholders))]);
  const isJudged = placeholders.length === 0 ? isNew : allOf([isNew, isImage]);
  return [
    { name: "pod", expression: podOf("object") },
    { name: "labels", expression: "variables.pod.?metadata.?labels.orValue({})" },
    { name: "namespaceLabels", expression: "namespaceObject.metadata.?labels.orValue({})" },
    { name: "oldPod", expression: podOf("oldObject") },
    { name: "oldImages", expression: `(${imagesOf("variables.oldPod")}).map(i, i.image)` },
    { name: "images", expression: `(${imagesOf("variables.pod")}).filter(i, ${isJudged})` },
  ];
}

/** Places that a generated policy looks at: more of them cost more than the API server allows one. */
export const MOST_PLACES = 64;

/** CEL, without variables: the object names few enough images. */
export const HAS_FEW_IMAGES: string = `[${podOf("object")}].all(pod, ${[
  ...["containers", "initContainers", "ephemeralContainers"].map((list) => `pod.?spec.?${list}.orValue([])`),
  "pod.?spec.?volumes.orValue([]).filter(v, has(v.image))",
]
  .map((list) => `${list}.size()`)
  .join(" + ")} <= ${MOST_PLACES})`;

const MIRROR = text("kubernetes.io/config.mirror");

/** CEL, without variables: no kubelet shows one of its static pods (`webhook/review/mirrorPod.ts`). */
export const IS_NO_MIRROR_POD: string = not(
  allOf([
    `request.kind.kind == "Pod"`,
    `${MIRROR} in object.metadata.?annotations.orValue({})`,
    `(request.operation == "CREATE" || ${MIRROR} in oldObject.metadata.?annotations.orValue({}))`,
    `dyn(object).spec.?nodeName.orValue("") != ""`,
    `request.userInfo.username == "system:node:" + dyn(object).spec.nodeName`,
    `"system:nodes" in request.userInfo.groups`,
  ]),
);

/** CEL: the namespace is one that the globs name. */
export function namesNamespace(globs: readonly string[]): string {
  const literal = globs.filter((glob) => !glob.includes("*"));
  const wild = globs.filter((glob) => glob.includes("*"));
  if (wild.some((glob) => /^\*+$/.test(glob))) return "true";
  return anyOf([
    ...(literal.length === 0 ? [] : [isOneOf("request.namespace", literal)]),
    ...wild.map((glob) =>
      /^[^*]+\*$/.test(glob)
        ? `request.namespace.startsWith(${text(glob.slice(0, -1))})`
        : `request.namespace.matches(${regex(`^${glob.split("*").map(escaped).join(".*")}$`)})`,
    ),
  ]);
}

/** CEL: the selector chooses these labels. "undefined": it cannot be read. */
export function selects(selector: LabelSelector, labels: string): string | undefined {
  if (compileSelector(selector).status === "fault") return undefined;
  const value = (key: string): string => `${labels}[${text(key)}]`;
  const exists = (key: string): string => `${text(key)} in ${labels}`;
  return allOf([
    ...Object.entries(selector.matchLabels ?? {}).map(([key, wanted]) =>
      allOf([exists(key), `${value(key)} == ${text(wanted)}`]),
    ),
    ...(selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
      const isIn = allOf([exists(key), `${value(key)} in ${texts(values)}`]);
      if (operator === "In") return isIn;
      if (operator === "NotIn") return not(isIn);
      return operator === "Exists" ? exists(key) : not(exists(key));
    }),
  ]);
}

/** CEL, without variables: namespaces and kinds that a policy is about, by what they are for. */
export function placesOf({ namespaces, excludeNamespaces, workloads }: PolicyMatch): ReadonlyMap<string, string> {
  return new Map([
    ...(namespaces === undefined ? [] : [["namespaces", namesNamespace(namespaces)] as const]),
    ...(excludeNamespaces === undefined
      ? []
      : [["excludeNamespaces", not(namesNamespace(excludeNamespaces))] as const]),
    ...(workloads === "Pods" ? [["workloads", `request.kind.kind == "Pod"`] as const] : []),
  ]);
}

/** CEL: the labels that a policy is about. Undefined: a selector cannot be read. */
export function labelsOf({ namespaceSelector, objectSelector }: PolicyMatch): string | undefined {
  const parts = [
    namespaceSelector && selects(namespaceSelector, "variables.namespaceLabels"),
    objectSelector && selects(objectSelector, "variables.labels"),
  ];
  if ((namespaceSelector && parts[0] === undefined) || (objectSelector && parts[1] === undefined)) return undefined;
  return allOf(parts.filter((part) => part !== undefined));
}

/** CEL: the action in force in the namespace, as text. Undefined: an override cannot be read. */
export function actionOf({ enforcementAction, enforcementOverrides = [] }: PolicySpec): string | undefined {
  const actions: string[] = [];
  for (const override of enforcementOverrides) {
    const names = namesOf(override);
    if (names === undefined) return undefined;
    actions.push(`${names} ? ${text(override.action)} : ""`);
  }
  const last = text(enforcementAction ?? "deny");
  if (actions.length === 0) return last;
  return `[${[...actions, last].join(", ")}].filter(action, action != "")[0]`;
}

function namesOf({ namespaces, namespaceSelector }: EnforcementOverride): string | undefined {
  if ((namespaces === undefined) === (namespaceSelector === undefined)) return undefined;
  return namespaces === undefined
    ? selects(namespaceSelector ?? {}, "variables.namespaceLabels")
    : namesNamespace(namespaces);
}

/** CEL: the pod or pod template of an object. */
function podOf(object: string): string {
  return (
    `(request.kind.kind == "Pod" ? dyn(${object}) : request.kind.kind == "CronJob" ` +
    `? dyn(${object}).spec.jobTemplate.spec.?template.orValue({}) : dyn(${object}).spec.?template.orValue({}))`
  );
}

/** CEL: every image that a pod or template names, with its place. A template's image volume may be empty. */
function imagesOf(pod: string): string {
  const containers = ["containers", "initContainers", "ephemeralContainers"].map(
    (list) =>
      `${pod}.?spec.?${list}.orValue([]).map(c, {"container": string(c.name), "place": "container", "image": string(c.?image.orValue(""))})`,
  );
  const volumes =
    `${pod}.?spec.?volumes.orValue([]).filter(v, has(v.image) && (request.kind.kind == "Pod" || v.image.?reference.orValue("") != ""))` +
    `.map(v, {"container": string(v.name), "place": "volume", "image": string(v.image.?reference.orValue(""))})`;
  return [...containers, volumes].join("\n+ ");
}
