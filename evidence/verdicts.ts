import type { SignatureProof } from "../policy/facts/facts.ts";

/** Why a signature or an attestation does not count; `closeness` orders several, the nearest to passing highest. */
interface Refusal<Reason> {
  readonly reason: Reason;
  readonly closeness: number;
  readonly message: string;
}

const MOST_KINDS = 4;

/**
 * The refusal that is closest to passing first, with how many there are of each kind.
 * @param unproved how many more were not looked at.
 * @param what of what kind all of them are, as "signature".
 */
export const closest = <Reason>(
  all: readonly Refusal<Reason>[],
  unproved: number,
  what: string,
): { readonly reason: Reason | "Invalid"; readonly message: string } => {
  const kinds = new Map<string, { readonly refusal: Refusal<Reason>; count: number }>();
  for (const refusal of all) {
    const kind = kinds.get(refusal.message);
    if (kind === undefined) kinds.set(refusal.message, { refusal, count: 1 });
    else kind.count += 1;
  }
  const sorted = [...kinds.values()].toSorted(
    (a, b) => b.refusal.closeness - a.refusal.closeness || (a.refusal.message < b.refusal.message ? -1 : 1),
  );
  const total = all.length + unproved;
  const listed = sorted
    .slice(0, MOST_KINDS)
    .map(({ refusal, count }) => (total === 1 ? refusal.message : `${refusal.message} (${count})`));
  const more = sorted.length > MOST_KINDS ? ["and more"] : [];
  const beyond = unproved > 0 ? [`${unproved} were not looked at, being too many`] : [];
  const counted = total === 1 ? `the one ${what} there is` : `of ${total} ${what}s none counts:`;
  return {
    reason: sorted[0]?.refusal.reason ?? "Invalid",
    message: `${counted} ${[...listed, ...more, ...beyond].join(", ")}`,
  };
};

type Dated = Pick<SignatureProof, "signer" | "fingerprint" | "signedAt">;

/** One proof for each signer, the one that knows the earliest time. */
export const onePerSigner = <Proof extends Dated>(proofs: readonly Proof[]): readonly Proof[] => {
  const bySigner = new Map<string, Proof>();
  for (const proof of proofs.toSorted(byTimeAndName))
    if (!bySigner.has(proof.signer)) bySigner.set(proof.signer, proof);
  return [...bySigner.values()];
};

/** Orders the earliest first, and what has no time last. */
export const byTimeAndName = (a: Dated, b: Dated): number => {
  const [x = "", y = ""] = [a, b].map(({ signedAt = "9", fingerprint }) => `${signedAt} ${fingerprint}`);
  return x < y ? -1 : 1;
};

/** What is listed and gone; undefined: nothing is. */
export const goneMessage = (count: number, what: "signature" | "attestation"): string | undefined =>
  count === 0
    ? undefined
    : `${count === 1 ? `one ${what} is listed whose content is` : `${count} ${what}s are listed whose contents are`} not in the registry any more`;
