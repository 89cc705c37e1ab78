import { Optional, type Environment } from "@marcbachmann/cel-js";

/**
 * As far as the library's own macros use them (`cel.bind`): version 8 has no `optMap`, and its documentation is silent
 * about variables of macros.
 */
interface Scope {
  readonly forkWithVariable: (name: string, type: unknown) => Scope;
  readonly reuse: (parent: Scope) => Scope;
  readonly setIterValue: (value: unknown, evaluator: Runner) => Scope;
}
interface Checker {
  readonly check: (node: unknown, scope: Scope) => Type;
  readonly getType: (name: string) => Type;
  readonly createError: (code: string, message: string, node: unknown) => Error;
}
interface Runner {
  readonly run: (node: unknown, scope: Scope) => unknown;
}
interface Type {
  readonly kind: string;
  readonly valueType?: Type;
}
interface Node {
  readonly op: string;
  readonly args: unknown;
  readonly setMeta: (name: string, value: unknown) => unknown;
}
interface OptMap {
  readonly name: string;
  readonly receiver: Node;
  readonly given: Node;
  readonly flat: boolean;
  scope?: Scope;
}

/**
 * `optional.optMap(x, f)` and `optFlatMap` of cel-go's optional library, which Kubernetes' CEL has as well: f of the
 * value, where there is one; of the latter f gives an optional itself.
 */
export function registerOptMap(environment: Environment): void {
  environment
    .registerFunction("optional.optMap(ast, ast): optional<dyn>", macro(false))
    .registerFunction("optional.optFlatMap(ast, ast): optional<dyn>", macro(true));
}

const macro =
  (flat: boolean) =>
  ({ ast, args: [variable, given], receiver }: { ast: Node; args: [Node, Node]; receiver: Node }): object => {
    if (variable.op !== "id") throw new Error("optMap(x, f): x is the name of a variable");
    ast.setMeta("async", false);
    return { name: variable.args, receiver, given, flat, typeCheck, evaluate };
  };

function typeCheck(checker: Checker, self: OptMap, scope: Scope): Type {
  const optional = checker.check(self.receiver, scope);
  if (optional.kind !== "optional" && optional.kind !== "dyn")
    throw checker.createError("optional_expected", "optMap is of optionals alone", self.receiver);
  self.scope = scope.forkWithVariable(self.name, optional.valueType ?? checker.getType("dyn"));
  checker.check(self.given, self.scope);
  return checker.getType("optional<dyn>");
}

function evaluate(runner: Runner, { receiver, given, flat, scope }: OptMap, outer: Scope): unknown {
  const optional = runner.run(receiver, outer);
  if (!(optional instanceof Optional) || scope === undefined) throw new Error("optMap is of optionals alone");
  if (!optional.hasValue()) return optional;
  const value = runner.run(given, scope.reuse(outer).setIterValue(optional.value(), runner));
  if (!flat) return Optional.of(value);
  if (value instanceof Optional) return value;
  throw new Error("what optFlatMap is given must give an optional");
}
