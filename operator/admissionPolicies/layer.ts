import type { Condition } from "../../crds/types.ts";
import type { Kept } from "./keeper.ts";
import type { ConditionNow } from "../status/condition.ts";

const TYPE = "EnforcedByAPIServer";

/** How a policy stands in the API server itself; `off`: nobody keeps it there; `unknown`: nobody has looked yet. */
export type Layer = "off" | "unknown" | Kept;

/**
 * The condition that says what holds when the webhook is gone, and what does not. While it is not known, what was said
 * before stays.
 */
export function enforcedByApiServer(layer: Layer, before: readonly Condition[]): readonly ConditionNow[] {
  if (layer === "off") return [];
  if (layer === "unknown") return before.filter(({ type }) => type === TYPE);
  if (layer.status === "none") return [{ type: TYPE, status: "False", reason: layer.reason, message: layer.message }];
  const message = `ValidatingAdmissionPolicy ${layer.name} holds without the webhook; left to the webhook: ${layer.left.join("; ")}`;
  return [{ type: TYPE, status: "True", reason: "Kept", message }];
}
