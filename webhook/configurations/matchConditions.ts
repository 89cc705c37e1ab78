import type { V1MatchCondition } from "@kubernetes/client-node";
import type { Shape } from "./shapes.ts";

const CONTAINERS = ["containers", "initContainers", "ephemeralContainers"] as const;

/** CEL: every image that a pod or template names, in order. Every field may be missing: an error in CEL refuses the request. */
const images = (pod: string): string =>
  [
    ...CONTAINERS.map((list) => `${pod}.?spec.?${list}.orValue([]).map(c, c.?image.orValue(""))`),
    `${pod}.?spec.?volumes.orValue([]).filter(v, has(v.image)).map(v, v.image.?reference.orValue(""))`,
  ].join(" + ");

const entries = (pod: string, field: "labels" | "annotations"): string => `${pod}.?metadata.?${field}.orValue({})`;

const changed = (shape: Shape, read: (pod: string) => string): string =>
  `${read(`object${shape.pod}`)} != ${read(`oldObject${shape.pod}`)}`;

/** Whoever creates is asked always; the order matters, there is no old object then. */
const CREATES = 'request.operation != "UPDATE"';

/**
 * Leaves out updates that no policy could judge differently, so that they pass even when the operator is dead:
 * finalizers, replicas, owner references, a scheduling gate.
 */
export const validateCondition = (shape: Shape): V1MatchCondition => ({
  name: "images-labels-or-annotations-change",
  expression: [
    CREATES,
    changed(shape, images),
    changed(shape, (pod) => entries(pod, "labels")),
    changed(shape, (pod) => entries(pod, "annotations")),
  ].join(" || "),
});

/** Only changed images are pinned. */
export const mutateCondition = (shape: Shape): V1MatchCondition => ({
  name: "images-change",
  expression: [CREATES, changed(shape, images)].join(" || "),
});
