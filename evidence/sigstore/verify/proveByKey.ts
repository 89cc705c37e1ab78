import type { KeyObject } from "node:crypto";
import { fingerprintOfKey } from "../../../policy/compile/authorities/publicKeys.ts";
import type { ParsedSignature } from "../find/candidate.ts";
import { logFault, promisedEntries, timeOf } from "./logEntry.ts";
import { refuse, type Circumstances, type ProofResult } from "../proof.ts";
import { earliest, proveTimestamps } from "./proveTimestamps.ts";
import { runVerifier } from "./runVerifier.ts";
import { signatureContent } from "./signatureContent.ts";

/** Whether this key made the signature; a certificate that comes along says nothing about a trusted key. */
export const proveByKey = (
  signed: ParsedSignature,
  keys: readonly KeyObject[],
  { transparencyLog, material, misfit }: Circumstances,
): ProofResult => {
  const content = signatureContent(signed);
  const key = keys.find((one) => content.verifySignature(one));
  if (key === undefined) return refuse("Untrusted", "otherSigner", "was not made with this key");
  if (misfit !== undefined) return { status: "refused", refusal: misfit };
  const fingerprint = fingerprintOfKey(key);
  const proved = (times: readonly Date[]): ProofResult => {
    const signedAt = earliest(times);
    return { status: "proved", proof: { fingerprint, signer: fingerprint, ...(signedAt && { signedAt }) } };
  };

  const timestamps = material === undefined ? [] : proveTimestamps(signed, content, material).map(({ time }) => time);
  if (transparencyLog === "Ignored") return proved(timestamps);
  if (material === undefined)
    return refuse("Transparency", "transparency", "cannot be looked up: the authority has no trust root");

  const fault = logFault(signed, { key }, material);
  if (fault.status === "faulty") return refuse("Transparency", "transparency", fault.message);
  const failure = runVerifier(
    material,
    { tlogThreshold: fault.remaining.length === 0 ? 0 : 1, ctlogThreshold: 0, timestampThreshold: 0 },
    { signature: content, key: { $case: "public-key", hint: "" }, tlogEntries: [...fault.remaining], timestamps: [] },
    key,
  );
  return failure === undefined
    ? proved([...promisedEntries(signed.entries).map(timeOf), ...timestamps])
    : refuse("Transparency", "transparency", `has a log entry that does not hold (${failure.message})`);
};
