import { RE2JS } from "re2js";
import { refuseFieldsOfLists } from "./celLists.ts";
import { conversionOf } from "./celConversions.ts";
import { celOperand } from "./celValue.ts";

/**
 * What @marcbachmann/cel-js leaves open: its loops and strings have no limit, its `matches` is a backtracking
 * JavaScript expression, some functions of strings are not CEL's, and it converts and compares more than CEL does. All
 * of it is closed on the parsed tree. The library's version is pinned, and the tests of `condition.test.ts` fail where
 * a new one no longer goes through here.
 */

/** Units of work of one evaluation; a visited node is one, and costs about 0.2 us. */
const WORK = 500_000;
/** Characters that one expression may be long; RE2 compiles in memory that is proportional to it. */
const MAX_PATTERN = 1024;
/** Begins the names under which functions of ours run in place of the library's. */
export const OWN = "own_";
/** The name under which a function of ours runs in place of the library's. */
export function own(name: string): string {
  return `${OWN}${name}`;
}

/** An evaluation used up its work: the statement is too large for the expression. */
class BudgetError extends Error {
  override readonly name = "BudgetError";
}

/** The work that is left to the evaluation under way; evaluations are synchronous, so one at a time. */
export class Budget {
  #left = 0;
  #used = new BudgetError("takes too much work");

  start(): void {
    this.#left = WORK;
  }

  spend(units: number): void {
    this.#left -= units;
    // One error for all: `all` and `exists` catch it once for every element.
    if (this.#left < 0) throw this.#used;
  }
}

/** A node of a parsed expression, as far as it is changed here. */
export interface CelNode {
  readonly op: string;
  args: unknown;
  readonly meta: Record<string, unknown>;
  evaluate: (evaluator: unknown, node: unknown, context: unknown) => unknown;
}

/** Sends calls of these functions to ours. Before the type check. */
export function redirectCalls(root: object, ours: ReadonlySet<string>): void {
  for (const { op, args } of nodesOf(root)) {
    if ((op !== "rcall" && op !== "call") || !Array.isArray(args)) continue;
    const [name]: readonly unknown[] = args;
    if (typeof name === "string" && ours.has(name)) args[0] = own(name);
  }
}

/** Keys that the library leaves out of the maps that an expression writes, which then equal others. */
const LOST_KEYS = new Set<unknown>(["__proto__", "constructor", "prototype"]);

/** Throws on a map that would not be what is written. */
export function checkMaps(root: object): void {
  for (const { op, args } of nodesOf(root)) {
    if (op !== "map" || !Array.isArray(args)) continue;
    for (const entry of args as readonly unknown[]) {
      const key: unknown = Array.isArray(entry) ? entry[0] : undefined;
      const written: unknown = typeof key === "object" && key !== null ? Reflect.get(key, "args") : undefined;
      if (LOST_KEYS.has(written))
        throw new Error(`the key ${JSON.stringify(written)} cannot be written in a map; compare the field itself`);
    }
  }
}

/** Operators that walk through their operands. */
const COMPARING = new Set(["==", "!=", "in"]);

/**
 * Makes every node pay for its visits and for what it gives, and looks at what is converted. After the type check,
 * which binds macros.
 */
export function meter(root: object, budget: Budget): void {
  const nodes = nodesOf(root);
  refuseFieldsOfLists(nodes);
  const compared = new Set(nodes.flatMap(({ op, args }) => (COMPARING.has(op) && Array.isArray(args) ? args : [])));
  const counted = new Set(nodes.flatMap(countedBy));
  const converted = new Map(nodes.flatMap(convertedBy));
  for (const node of nodes) {
    let original = node.evaluate;
    const metered: CelNode["evaluate"] = (evaluator, self, context) => {
      budget.spend(1);
      // Binds itself on the first call by replacing `evaluate`, which then has to become ours again.
      const given = original.call(node, evaluator, self, context);
      if (node.evaluate !== metered) {
        original = node.evaluate;
        node.evaluate = metered;
      }
      const convert = converted.get(node);
      const value = convert === undefined ? given : convert(given);
      if (typeof value === "string" || Array.isArray(value)) budget.spend(value.length >> 6);
      else if (counted.has(node)) budget.spend(keysIn(value) >> 1);
      if (!compared.has(node)) return value;
      budget.spend(weigh(value));
      return celOperand(value);
    };
    node.evaluate = metered;
    if (node.op === "comprehension") endWithBudget(node.args, budget);
  }
}

const weights = new WeakMap<object, number>();

const compiled = new Map<string, RE2JS>();

/** Of an automaton that costs no more than its text, and of one that is worth counting by itself. */
const FEW_STATES = 32;
const MANY_STATES = 128;

/** RE2, unanchored as CEL defines `matches`. Throws on what is not RE2 syntax, which refuses the statement. */
export function re2Matches(text: string, expression: string, budget: Budget): boolean {
  if (expression.length > MAX_PATTERN) throw new BudgetError(`an expression of more than ${MAX_PATTERN} characters`);
  budget.spend(expression.length);
  let pattern = compiled.get(expression);
  if (pattern === undefined) {
    pattern = RE2JS.compile(expression);
    // Expressions may come out of the statement: a bounded memory, not a leak.
    if (compiled.size >= 1000) compiled.clear();
    compiled.set(expression, pattern);
  }
  // Measured: 0.27 us a character for a small expression, and up to 0.1 us for each state beyond some thirty:
  // `.{0,100}` is eight characters and two hundred states. To compile a state takes 15 us.
  const states = pattern.programSize();
  budget.spend(states > MANY_STATES ? 4 * states : 0);
  budget.spend(text.length * (2 + Math.max(expression.length >> 5, (states - FEW_STATES) >> 3)));
  return pattern.matcher(text).find();
}

/**
 * Every node of a parsed expression, those that macros (`all`, `exists`, `map`, ...) made of their arguments included.
 */
function nodesOf(root: object): CelNode[] {
  const Node = root.constructor;
  const seen = new Set<object>();
  const nodes: CelNode[] = [];
  const queue: unknown[] = [root];
  while (queue.length > 0) {
    const value = queue.pop();
    if (typeof value !== "object" || value === null || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof Node) {
      // Made by the library's parser, whose nodes have these fields.
      const node = value as CelNode;
      nodes.push(node);
      queue.push(...Object.values(node), ...Object.values(node.meta));
    } else if (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) {
      queue.push(...Object.values(value));
    }
  }
  return nodes;
}

/** What functions are asked of that look at all keys of a map: `size(x)`, `x.size()`, `type(x)`. */
function countedBy({ op, args }: CelNode): readonly unknown[] {
  if ((op !== "call" && op !== "rcall") || !Array.isArray(args)) return [];
  const [name, ...given]: readonly unknown[] = args;
  return name === "size" || name === "type" ? given.flat() : [];
}

const keyCounts = new WeakMap<object, number>();

function keysIn(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const known = keyCounts.get(value);
  if (known !== undefined) return known;
  const count = value instanceof Map ? value.size : Object.keys(value).length;
  keyCounts.set(value, count);
  return count;
}

/** The arguments of conversions (`int(x)`), with what is asked of their values. */
function convertedBy({ op, args }: CelNode): readonly (readonly [object, (value: unknown) => unknown])[] {
  if (op !== "call" || !Array.isArray(args)) return [];
  const convert = conversionOf(args[0]);
  const [argument]: readonly unknown[] = Array.isArray(args[1]) ? args[1] : [];
  return convert === undefined || typeof argument !== "object" || argument === null ? [] : [[argument, convert]];
}

/**
 * `all` and `exists` go on after an element's error; what they ask before each element lets the end of the work
 * through.
 */
function endWithBudget(args: unknown, budget: Budget): void {
  if (typeof args !== "object" || args === null) return;
  const condition: unknown = Reflect.get(args, "condition");
  if (typeof condition !== "function") return;
  Reflect.set(args, "condition", (value: unknown): unknown => {
    budget.spend(1);
    return Reflect.apply(condition, undefined, [value]);
  });
}

/** Values inside a value, counted once. */
function weigh(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const known = weights.get(value);
  if (known !== undefined) return known;
  let weight = 0;
  const queue: unknown[] = [value];
  while (queue.length > 0) {
    weight += 1;
    const one = queue.pop();
    if (typeof one !== "object" || one === null) continue;
    for (const inner of one instanceof Map ? one.values() : Object.values(one)) queue.push(inner);
  }
  weights.set(value, weight);
  return weight;
}
