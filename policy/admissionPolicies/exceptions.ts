import type { ExceptionSpec } from "../../crds/types.ts";
import type { CompiledPolicy } from "../compiledPolicy.ts";
import { isInForce, type CompiledException } from "../exceptions/compiledException.ts";
import type { RuleName } from "../finding/finding.ts";
import { allOf, anyOf, isOneOf, text, type Variable } from "./cel.ts";
import { imagesVariable, isAmong, sayMatches } from "./lists.ts";
import { namesNamespace, selects } from "./subject.ts";

/** The exceptions that may silence what a generated policy says. */
export interface SaidExceptions {
  readonly variables: readonly Variable[];
  /** CEL: an exception covers what the rule says of the readable image `i`. */
  readonly covers: (rule: RuleName) => string;
  /** CEL: an exception covers that an image cannot be read. */
  readonly coversMalformed: string;
  readonly used: readonly CompiledException[];
}

/**
 * Exceptions by their expiry on CREATE, when the API server has just written the time. An update does not tell what
 * time it is: what an exception may be about is the webhook's then.
 *
 * @param now Milliseconds since the epoch: what has expired by then never counts again.
 */
export function sayExceptions(
  policy: CompiledPolicy,
  exceptions: readonly CompiledException[],
  rules: readonly RuleName[],
  now: number,
): SaidExceptions {
  const used = exceptions.filter(
    (one) =>
      isInForce(one, now) && one.coversPolicy(policy.name) && rules.some((rule) => one.coversRule(rule)) && one.spec,
  );
  const named = used.map((exception, index) => ({ exception, name: `exception${index + 1}` }));
  const variables = named.flatMap(({ exception, name }): readonly Variable[] => [
    { name, expression: inForce(exception) },
    ...images(exception, name),
  ]);
  return {
    variables,
    covers: (rule) =>
      anyOf(named.flatMap(({ exception, name }) => (exception.coversRule(rule) ? [isAmong(`${name}Images`)] : []))),
    coversMalformed: anyOf(
      named.flatMap(({ exception, name }) => {
        const match = exception.spec?.match;
        const anyImage = match?.images === undefined && match?.digests === undefined;
        return anyImage && exception.coversRule("reference") ? [`variables.${name}`] : [];
      }),
    ),
    used,
  };
}

/** CEL: namespace, labels and time are the exception's. */
function inForce({ spec, expires }: CompiledException): string {
  const { namespaces, objectSelector }: ExceptionSpec["match"] = spec?.match ?? {};
  return allOf([
    ...(namespaces === undefined ? [] : [namesNamespace(namespaces)]),
    // One that cannot be read is no exception that is in force.
    ...(objectSelector === undefined ? [] : [selects(objectSelector, "variables.labels") ?? "true"]),
    `(request.operation == "UPDATE" || timestamp(dyn(object).metadata.creationTimestamp) < timestamp(${text(new Date(expires).toISOString())}))`,
  ]);
}

function images({ spec, images: patterns }: CompiledException, name: string): readonly Variable[] {
  const digests = spec?.match.digests;
  const named = patterns === undefined ? undefined : sayMatches(`${name}Patterns`, patterns);
  const about = allOf([digests === undefined ? "true" : isOneOf("i.digest", digests), named?.condition ?? "true"]);
  return [...(named?.variables ?? []), imagesVariable(`${name}Images`, about, `variables.${name}`)];
}
