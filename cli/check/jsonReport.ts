import type { CheckResult } from "./result.ts";

/** The result for programs; fields are only ever added. */
export const jsonReport = ({ objects, passedOver, notes, attested }: CheckResult): string => {
  const count = (verdict: string): number => objects.filter((one) => one.verdict === verdict).length;
  const report = {
    summary: {
      objects: objects.length,
      denied: count("deny"),
      warned: count("warn"),
      admitted: count("allow"),
      passedOver,
    },
    notes,
    ...(attested === undefined ? {} : { attested }),
    objects: objects.map(({ path, line, kind, namespace, name, verdict, findings, pinned, explained }) => ({
      path,
      line,
      kind,
      namespace,
      name,
      verdict,
      pinned,
      ...(explained === undefined ? {} : { explained }),
      findings: findings.map(({ finding, line: at }) => ({ line: at, ...finding })),
    })),
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
};
