import assert from "node:assert/strict";
import { byTimeAndName, closest, onePerSigner } from "../../../evidence/verdicts.ts";

const proof = (
  signer: string,
  fingerprint: string,
  signedAt?: string,
): { signer: string; fingerprint: string; signedAt?: string } => ({
  signer,
  fingerprint,
  ...(signedAt === undefined ? {} : { signedAt }),
});

describe("what many signatures come to", () => {
  it("is one proof for each signer, whatever certificates he had: the one that knows the earliest time", () => {
    const late = proof("alice", "sha256:a", "2026-03-01T00:00:00Z");
    const early = proof("alice", "sha256:c", "2026-01-01T00:00:00Z");
    const timeless = proof("alice", "sha256:b");
    const other = proof("bob", "sha256:a", "2026-02-01T00:00:00Z");
    for (const proofs of [
      [late, early, timeless, other],
      [other, timeless, early, late],
    ])
      assert.deepEqual(onePerSigner(proofs), [early, other]);
  });

  it("is in one order, whatever order it came in: by time, then by name", () => {
    const a = proof("alice", "sha256:a", "2026-01-01T00:00:00Z");
    const b = proof("alice", "sha256:b", "2026-01-01T00:00:00Z");
    const never = proof("alice", "sha256:0");
    assert.deepEqual([never, b, a].toSorted(byTimeAndName), [a, b, never]);
  });

  it("tells first what came closest, how many there are of each kind, and what was not looked at", () => {
    const far = { reason: "Untrusted", closeness: 1, message: "is of somebody else" } as const;
    const near = { reason: "Invalid", closeness: 2, message: "has expired" } as const;
    assert.deepEqual(closest([far, near, far], 2, "signature"), {
      reason: "Invalid",
      message:
        "of 5 signatures none counts: has expired (1), is of somebody else (2), 2 were not looked at, being too many",
    });
    assert.deepEqual(closest([far], 0, "attestation"), {
      reason: "Untrusted",
      message: "the one attestation there is is of somebody else",
    });
  });
});
