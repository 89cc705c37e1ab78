import type { Finding } from "../../../../policy/finding/finding.ts";
import type { Log } from "../../../../kube/log.ts";
import type { AdmissionMetrics } from "../../../../webhook/metrics.ts";

export interface RecordedMetrics extends AdmissionMetrics {
  readonly admissions: (readonly [kind: string, operation: string, decision: string])[];
  readonly counted: Finding[];
}

export const recordMetrics = (): RecordedMetrics => {
  const admissions: [string, string, string][] = [];
  const counted: Finding[] = [];
  return {
    admissions,
    counted,
    admission: (kind, operation, decision) => void admissions.push([kind, operation, decision]),
    findings: (findings) => void counted.push(...findings),
  };
};

export interface RecordedLogger extends Log {
  readonly lines: (readonly [level: string, message: string, fields: object | undefined])[];
}

export const recordLogger = (): RecordedLogger => {
  const lines: [string, string, object | undefined][] = [];
  const at =
    (level: string) =>
    (message: string, fields?: object): void =>
      void lines.push([level, message, fields]);
  return {
    lines,
    isLevelEnabled: () => true,
    error: at("error"),
    warn: at("warn"),
    info: at("info"),
    debug: at("debug"),
  };
};
