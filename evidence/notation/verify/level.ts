/** How much is enforced (trust store and trust policy specification 1.1, "Signature Verification details"). */
export type Level = "strict" | "permissive" | "audit";

/** What is looked at beside integrity, which every level enforces. */
export type Check = "authenticity" | "timestamp" | "expiry" | "revocation";

/** The specification's table; what is not enforced is logged. */
const ENFORCED: Readonly<Record<Level, ReadonlySet<Check>>> = {
  strict: new Set(["authenticity", "timestamp", "expiry", "revocation"]),
  permissive: new Set(["authenticity"]),
  audit: new Set(),
};

export const enforces = (level: Level, check: Check): boolean => ENFORCED[level].has(check);
