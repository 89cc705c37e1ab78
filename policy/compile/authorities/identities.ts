import { RE2JS } from "re2js";
import type { Identity } from "../../../crds/types.ts";
import type { CompiledIdentity } from "../../authority.ts";
import type { PolicyFault } from "../faults.ts";
import { FULCIO_CLAIMS } from "./fulcioClaims.ts";

export type CompiledIdentityResult =
  | { readonly status: "ok"; readonly identity: CompiledIdentity }
  | { readonly status: "fault"; readonly fault: PolicyFault };

type Matcher =
  | { readonly status: "ok"; readonly matches: (value: string) => boolean; readonly text: string }
  | { readonly status: "fault"; readonly fault: PolicyFault };

/**
 * An identity that leaves issuer or subject open would accept every certificate that the CA ever issued, so both are
 * needed. Expressions run on RE2 and must match the whole value: an unanchored one would accept an attacker's longer
 * name.
 */
export function compileIdentity(spec: Identity, path: string): CompiledIdentityResult {
  const issuer = matcher(spec.issuer, spec.issuerRegExp, path, "issuer");
  if (issuer.status === "fault") return issuer;
  const subject = matcher(spec.subject, spec.subjectRegExp, path, "subject");
  if (subject.status === "fault") return subject;

  const claims = Object.entries(spec.claims ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  for (const [name] of claims) {
    if (FULCIO_CLAIMS.has(name)) continue;
    const known = [...FULCIO_CLAIMS.keys()].join(", ");
    return fault(
      "InvalidSpec",
      `${path}.claims.${name}`,
      `is no claim of Fulcio's certificates; expected one of ${known}`,
    );
  }
  return {
    status: "ok",
    identity: {
      issuer: issuer.matches,
      subject: subject.matches,
      claims: Object.fromEntries(claims),
      spec,
      text: [`issuer ${issuer.text}`, `subject ${subject.text}`, ...claims.map(([k, v]) => `${k} ${v}`)].join(", "),
    },
  };
}

function fault(reason: PolicyFault["reason"], path: string, message: string) {
  return { status: "fault", fault: { reason, path, message } } as const;
}

function matcher(
  exact: string | undefined,
  expression: string | undefined,
  path: string,
  field: "issuer" | "subject",
): Matcher {
  if ((exact === undefined) === (expression === undefined))
    return fault("InvalidSpec", path, `write exactly one of ${field} and ${field}RegExp`);
  if (exact === "" || expression === "") return fault("InvalidSpec", `${path}.${field}`, "is empty");
  if (exact !== undefined) return { status: "ok", text: exact, matches: (value) => value === exact };
  try {
    const compiled = RE2JS.compile(expression ?? "");
    return { status: "ok", text: `/${expression}/`, matches: (value) => compiled.matches(value) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return fault("PatternInvalid", `${path}.${field}RegExp`, `is not a regular expression in RE2 syntax: ${why}`);
  }
}
