import type { Reply } from "../api/reply.ts";
import type { RegistryRequest } from "../api/request.ts";
import type { Route } from "../api/routes.ts";

/**
 * What is done instead of, or with, the right answer. `answer` gives the right one, and only then has a push its effect;
 * `nth` counts from 0 how often the rule was applied before.
 */
export type Misbehaviour = (
  request: RegistryRequest,
  answer: () => Promise<Reply>,
  nth: number,
) => Reply | Promise<Reply>;

/** Which requests a rule is for; each part given must hold. */
export interface When {
  readonly method?: string | readonly string[];
  /** A string is looked for in path and query, as sent. */
  readonly path?: string | RegExp;
  readonly kind?: Route["kind"] | "token";
  /** Also requests that are not authorised; otherwise these get their challenge first. */
  readonly beforeAuth?: boolean;
}

export interface Rule {
  readonly when?: When;
  readonly as: Misbehaviour;
  /** How many requests it is for; all by default. */
  readonly times?: number;
  /** How many are answered rightly first. */
  readonly after?: number;
}

/** The rules in force. Of several for one request, each gets the answer of the one before. */
export class Rules {
  readonly #rules: { readonly rule: Rule; seen: number }[] = [];

  /** Puts a rule in force; the function that is returned takes it back. */
  add(rule: Rule): () => void {
    const entry = { rule, seen: 0 };
    this.#rules.push(entry);
    return () => {
      const index = this.#rules.indexOf(entry);
      if (index >= 0) this.#rules.splice(index, 1);
    };
  }

  /** The right answer with everything done to it that the rules of this stage want. */
  async apply(
    request: RegistryRequest,
    target: string,
    kind: When["kind"],
    beforeAuth: boolean,
    answer: () => Promise<Reply>,
  ): Promise<Reply> {
    let next = answer;
    for (const entry of this.#rules) {
      const { when = {}, as, times = Infinity, after = 0 } = entry.rule;
      if ((when.beforeAuth ?? false) !== beforeAuth || !holds(when, request.method, target, kind)) continue;
      const nth = entry.seen - after;
      entry.seen += 1;
      if (nth < 0 || nth >= times) continue;
      const previous = next;
      next = async () => as(request, previous, nth);
    }
    return next();
  }
}

function holds({ method, path, kind }: When, gotMethod: string, target: string, gotKind: When["kind"]): boolean {
  if (method !== undefined && ![method].flat().includes(gotMethod)) return false;
  if (kind !== undefined && kind !== gotKind) return false;
  if (path === undefined) return true;
  return typeof path === "string" ? target.includes(path) : path.test(target);
}
