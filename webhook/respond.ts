import type { Finding } from "../policy/finding/finding.ts";
import { shown } from "../policy/finding/message.ts";
import { asObject } from "../policy/subject/imagesOf.ts";
import { allowed, denied, type AdmissionResponse } from "./admissionResponse.ts";
import type { AdmissionRequest } from "./admissionReview.ts";
import { auditAnnotations } from "./auditAnnotations.ts";
import type { AdmissionLogger } from "./logger.ts";
import type { AdmissionMetrics } from "./metrics.ts";
import { fitWarnings } from "./warnings.ts";

export interface Listeners {
  readonly metrics: AdmissionMetrics;
  readonly logger: AdmissionLogger;
}

/** A log line is cut by those who collect it, at 16 KiB most often. */
const MOST_LOGGED = 64;

/**
 * Characters of a denial: far beyond what anybody reads, and what the API server hands to the client and to its audit log each time.
 */
const LONGEST_DENIAL = 1024 * 1024;

/** Whether a finding refuses the request. */
export const isDenial = ({ action, exempted }: Finding): boolean => action === "deny" && exempted === undefined;

/** Turns the findings that count into the answer, and tells metrics and log of them. */
export const respond = (
  { metrics, logger }: Listeners,
  request: AdmissionRequest,
  findings: readonly Finding[],
): AdmissionResponse => {
  if (findings.length === 0) return allowed(request.uid);
  const standing = findings.filter(({ exempted }) => exempted === undefined);
  const denials = standing.filter(isDenial);
  const warnings = fitWarnings(standing.filter(({ action }) => action === "warn").map(({ message }) => message));
  const decision = denials.length > 0 ? "deny" : warnings.length > 0 ? "warn" : "allow";

  if (!request.dryRun) metrics.findings(standing);
  if (logger.isLevelEnabled("info"))
    logger.info("findings", {
      ...place(request),
      decision,
      ...(findings.length > MOST_LOGGED ? { count: findings.length } : {}),
      findings: findings.slice(0, MOST_LOGGED).map(brief),
    });

  const annotations = auditAnnotations(decision, findings);
  const extras = {
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(annotations === undefined ? {} : { auditAnnotations: annotations }),
  };
  return denials.length > 0 ? denied(request.uid, linesOf(denials), extras) : allowed(request.uid, extras);
};

/** Every finding on a line of its own. */
const linesOf = (denials: readonly Finding[]): string => {
  let length = 0;
  const beyond = denials.findIndex(({ message }) => (length += message.length + 1) > LONGEST_DENIAL);
  const lines = (beyond < 0 ? denials : denials.slice(0, beyond)).map(({ message }) => message);
  if (beyond >= 0) lines.push(`image-security: ${denials.length - beyond} more findings are left out`);
  return lines.join("\n");
};

/** What a request is about, for the log. */
export const place = (request: AdmissionRequest): object => ({
  operation: request.operation,
  kind: request.kind.kind,
  namespace: request.namespace,
  name: request.name === "" ? asObject(request.object?.["metadata"])?.["generateName"] : request.name,
  user: request.userInfo.username,
  dryRun: request.dryRun,
});

const brief = ({ policy, rule, reason, action, container, image, exempted }: Finding): object => ({
  policy,
  rule,
  reason,
  action,
  container: shown(container),
  image: shown(image),
  ...(exempted === undefined ? {} : { exemptedBy: exempted.by }),
});
