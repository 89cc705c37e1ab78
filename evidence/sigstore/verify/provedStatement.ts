import type { ProvedStatement, SignatureProof } from "../../../policy/facts/facts.ts";
import { field } from "../../../json/fields.ts";

/** What an examination gives of a statement that somebody proved: as an object, or as text where it is large. */
export interface StatementRead {
  readonly predicateType: string;
  readonly statement?: unknown;
  readonly statementText?: string;
  /** SHA-256 of what was signed, in base64url. */
  readonly content?: string;
}

/**
 * A statement as facts hold it. A large one stays text until somebody asks for its fields: a scan of 20,000 vulnerabilities is
 * read by a worker, and its 200,000 objects never reach the event loop's thread.
 */
export const provedStatement = (
  { predicateType, statement, statementText, content }: StatementRead,
  proof: SignatureProof,
): ProvedStatement => {
  const named = content === undefined ? {} : { digest: `sha256:${Buffer.from(content, "base64url").toString("hex")}` };
  if (statementText === undefined)
    return { predicateType, statement, predicate: field(statement, "predicate"), ...named, proof };
  let parsed: unknown;
  // It was parsed once before it was proved, so it is JSON.
  const whole = (): unknown => (parsed ??= JSON.parse(statementText));
  return {
    predicateType,
    proof,
    ...named,
    text: statementText,
    get statement() {
      return whole();
    },
    get predicate() {
      return field(whole(), "predicate");
    },
  };
};
