import type { Finding } from "../../policy/finding/finding.ts";
import { linesOf } from "../../policy/finding/lines.ts";
import { fieldsOf, textOf } from "../../json/fields.ts";
import { denialOf, type OnDenied } from "./denial.ts";
import { allowed, denied, type AdmissionResponse } from "./admissionResponse.ts";
import type { AdmissionRequest } from "./admissionReview.ts";
import { auditAnnotations } from "./auditAnnotations.ts";
import { brief, withoutCredentials } from "./told.ts";
import type { Log } from "../../kube/log.ts";
import type { AdmissionMetrics } from "../metrics.ts";
import { fitWarnings } from "./warnings.ts";

export interface Listeners {
  readonly metrics: AdmissionMetrics;
  readonly logger: Log;
  /** Told of every denial, those of dry runs among them. Absent: nobody is. */
  readonly onDenied?: OnDenied;
}

/** Characters of findings in a log line: it is cut by those who collect it, at 16 KiB most often. */
const LONGEST_LOGGED = 12 * 1024;
/** And how many are looked at for it. */
const MOST_LOGGED = 64;

/**
 * Characters of a denial: far beyond what anybody reads, and what the API server hands to the client and to its audit log each time.
 */
const LONGEST_DENIAL = 1024 * 1024;

/** Findings that become lines. */
const MOST_READ = 4_096;

/** A warning has 256 characters for all it says. */
const POLICIES_IN_WARNING = 3;

/** Whether a finding refuses the request. */
export const isDenial = ({ action, exempted }: Finding): boolean => action === "deny" && exempted === undefined;

/**
 * Turns the findings that count into the answer, and tells metrics, log and who collects denials of them. `started`:
 * when the request came, as performance.now().
 */
export const respond = (
  { metrics, logger, onDenied }: Listeners,
  request: AdmissionRequest,
  findings: readonly Finding[],
  started: number,
): AdmissionResponse => {
  if (findings.length === 0) return allowed(request.uid);
  const standing = findings.filter(({ exempted }) => exempted === undefined);
  const denials = standing.filter(isDenial);
  const mild = standing.filter(({ action }) => action === "warn");
  const warnings = fitWarnings(read(mild, standing, POLICIES_IN_WARNING));
  const decision = denials.length > 0 ? "deny" : warnings.length > 0 ? "warn" : "allow";

  if (!request.dryRun) metrics.findings(standing, request.namespace);
  if (denials.length > 0) onDenied?.(denialOf(request, denials, performance.now() - started));
  // Those of a denial are in its answer, and in brief in its own line.
  const level = denials.length > 0 ? "debug" : "info";
  if (logger.isLevelEnabled(level)) {
    const told = logged(findings);
    logger[level]("findings", {
      ...place(request),
      decision,
      ...(findings.length > told.length ? { count: findings.length } : {}),
      findings: told,
    });
  }

  const annotations = auditAnnotations(decision, findings);
  const extras = {
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(annotations === undefined ? {} : { auditAnnotations: annotations }),
  };
  return denials.length > 0
    ? denied(request.uid, wholeOf(read(denials, standing)), extras)
    : allowed(request.uid, extras);
};

/** As lines; those of the first findings where there are more than anybody reads, or an event loop should wait for. */
const read = (findings: readonly Finding[], standing: readonly Finding[], mostPolicies?: number): readonly string[] => {
  const lines = linesOf(findings.slice(0, MOST_READ), standing.slice(0, MOST_READ), mostPolicies);
  const rest = findings.length - MOST_READ;
  const texts = lines.map(({ text }) => text);
  return rest > 0 ? [...texts, `image-security: ${rest} more findings are left out`] : texts;
};

/** Several lines begin below the words that the API server puts before them. */
const wholeOf = (lines: readonly string[]): string => {
  let length = 0;
  const beyond = lines.findIndex((line) => (length += line.length + 1) > LONGEST_DENIAL);
  const said =
    beyond < 0
      ? lines
      : [...lines.slice(0, beyond), `image-security: ${lines.length - beyond} more lines are left out`];
  return said.length > 1 ? `\n${said.join("\n")}` : said.join("");
};

/** What a request is about, for the log. */
export const place = (request: AdmissionRequest): object => ({
  operation: brief(request.operation),
  kind: brief(request.kind.kind),
  namespace: brief(request.namespace),
  name: brief(request.name === "" ? textOf(fieldsOf(request.object?.["metadata"])["generateName"]) : request.name),
  user: brief(request.userInfo.username),
  dryRun: request.dryRun,
});

/** The first findings, as many as a line has room for. */
const logged = (findings: readonly Finding[]): readonly object[] => {
  const all = findings.slice(0, MOST_LOGGED).map(inBrief);
  let length = 0;
  const beyond = all.findIndex((one) => (length += JSON.stringify(one).length) > LONGEST_LOGGED);
  return beyond < 0 ? all : all.slice(0, beyond);
};

const inBrief = ({ policy, rule, reason, action, container, image, exempted }: Finding): object => ({
  policy,
  rule,
  reason,
  action,
  container: brief(container),
  image: brief(withoutCredentials(image)),
  ...(exempted === undefined ? {} : { exemptedBy: exempted.by }),
});
