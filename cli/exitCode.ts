/** What the commands end with (design.md, section 13). `FAILED` also stands for every crash: one that exits 0 would say yes (CVE-2026-44310). */
export const PASSED = 0;
export const DENIED = 1;
export const FAILED = 2;

/** The input or the configuration is wrong: shown as it is, without a trace, and the command ends with `FAILED`. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
