import { Optional } from "@marcbachmann/cel-js";
import type { CelNode } from "./celBudget.ts";

/**
 * Has a field of a list be the error that it is in CEL: @marcbachmann/cel-js takes it for one that is not there, so
 * that `!has(predicate.parameters.debug)` and `!predicate.?debug.hasValue()` would hold where a list stands in place of
 * the map. After the type check, which binds macros.
 */
export function refuseFieldsOfLists(nodes: readonly CelNode[]): void {
  for (const node of nodes) {
    if (node.op === ".?" || node.op === "[?]") guardAccess(node);
    const macro = node.meta["macro"];
    if (typeof macro === "object" && macro !== null) guardHas(macro);
  }
}

/** `handle` is bound by the type check, and called with what is left and right of the operator. */
function guardAccess(node: CelNode): void {
  const handle: unknown = Reflect.get(node, "handle");
  // None in `has(a.?b.c)`, which does not call it.
  if (typeof handle !== "function") return;
  Reflect.set(node, "handle", (left: unknown, right: unknown, ...rest: readonly unknown[]): unknown => {
    if (typeof right === "string") demandNoList(left instanceof Optional && left.hasValue() ? left.value() : left);
    return Reflect.apply(handle, undefined, [left, right, ...rest]);
  });
}

interface Runner {
  readonly run: (node: unknown, scope: unknown) => unknown;
}

/** `has(a.b.c)` looks for its fields itself: `c`, `b` and what `a` is, in this order. */
function guardHas(macro: object): void {
  const props: unknown = Reflect.get(macro, "macroHasProps");
  const evaluate: unknown = Reflect.get(macro, "evaluate");
  if (!Array.isArray(props) || typeof evaluate !== "function") return;
  const path = (props as readonly CelNode[]).toReversed();
  Reflect.set(macro, "evaluate", (runner: Runner, self: object, scope: unknown): unknown => {
    const [first, ...fields] = path;
    let value = runner.run(first, scope);
    for (const { args } of fields) {
      if (value instanceof Optional) break;
      demandNoList(value);
      value = fieldOf(value, Array.isArray(args) ? args[1] : undefined);
    }
    return Reflect.apply(evaluate, macro, [runner, self, scope]);
  });
}

function fieldOf(value: unknown, name: unknown): unknown {
  if (typeof value !== "object" || value === null || typeof name !== "string") return undefined;
  if (value instanceof Map) return value.get(name);
  return Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

function demandNoList(value: unknown): void {
  if (Array.isArray(value)) throw new Error("a list has no fields");
}
