import { LRUCache } from "lru-cache";
import { SingleFlight } from "../../../async/singleFlight.ts";
import { younger } from "../../../async/younger.ts";
import type { EvidenceMetrics } from "../../metrics.ts";
import type { Unavailable } from "../../../policy/facts/outcome.ts";
import type { Proved } from "../proof.ts";
import { readCertificate, type Certificate } from "../verify/certificate.ts";
import { describeSubject } from "../verify/subject.ts";
import type { AwsRevocations } from "./awsRevocations.ts";
import { certificateStatus, type CertificateStatus, type StatusTools } from "./certificateStatus.ts";

/** Whether anything that a proof rests on was taken back. */
export type Revocation =
  | { readonly status: "good" }
  /** A sentence about the signature. */
  | { readonly status: "revoked"; readonly message: string; readonly of: "signer" | "timestampAuthority" }
  | (Unavailable & { readonly of: "signer" | "timestampAuthority" });

/** Never rejects; ends with the signal. */
export interface Revocations {
  readonly check: (proved: Pick<Proved, "revocations" | "aws">, signal: AbortSignal) => Promise<Revocation>;
}

export interface RevocationsOptions extends StatusTools {
  readonly aws: AwsRevocations;
  readonly metrics: EvidenceMetrics;
}

/** An answer is used so long without asking again, as a proof is; after that until its own end, while nobody can be asked. */
const FRESH = 600_000;
/** That it could not be told, for everybody who asks meanwhile. */
const RETRY = 2_000;
const MOST_ANSWERS = 10_000;

interface Kept {
  readonly status: CertificateStatus;
  readonly at: number;
}

export const createRevocations = (options: RevocationsOptions): Revocations => {
  const { clock, metrics, aws } = options;
  const answers = new LRUCache<string, Kept>({ max: MOST_ANSWERS });
  const flights = new SingleFlight<CertificateStatus>();

  const statusOf = async (
    certificate: Certificate,
    issuer: Certificate,
    signal: AbortSignal,
  ): Promise<CertificateStatus> => {
    const key = `${certificate.fingerprint} ${issuer.fingerprint}`;
    const kept = answers.get(key);
    if (kept !== undefined && isFresh(kept, clock())) {
      metrics.cacheRequest("revocations", "hit");
      return kept.status;
    }
    const status = await flights.run(
      key,
      signal,
      async (flight) => {
        metrics.cacheRequest("revocations", "miss");
        const found = await certificateStatus(certificate, issuer, options, flight.signal);
        // A question that its callers have given up says nothing of the certificate.
        if (flight.signal.aborted) return TOO_LATE;
        const before = answers.get(key);
        if (found.status !== "unknown" || before === undefined || !isUsable(before, clock()))
          answers.set(key, { status: found, at: clock() });
        return found;
      },
      () => TOO_LATE,
    );
    if (status.status !== "unknown") return status;
    const old = answers.get(key);
    if (old === undefined || old.status.status === "unknown" || !isUsable(old, clock())) return status;
    metrics.cacheRequest("revocations", "stale");
    return old.status;
  };

  /** A root is its own word (trust policy specification): only what others have issued is asked about. All at once. */
  const checkChain = async ({ chain, of }: Proved["revocations"][number], signal: AbortSignal): Promise<Revocation> => {
    const certificates = chain.map((der) => readCertificate(Buffer.from(der)));
    const statuses = await Promise.all(
      certificates.slice(0, -1).map(async (certificate, index) => {
        const issuer = certificates[index + 1] ?? certificate;
        return { certificate, status: await statusOf(certificate, issuer, signal) };
      }),
    );
    const what = of === "signer" ? "has a certificate" : "has a timestamp by a certificate";
    const revoked = statuses.find(({ status }) => status.status === "revoked");
    if (revoked !== undefined)
      return { status: "revoked", of, message: `${what} that was revoked (${describeSubject(revoked.certificate)})` };
    for (const { certificate, status } of statuses)
      if (status.status === "unknown") {
        const message = `${what} of which it could not be told whether it was revoked (${describeSubject(certificate)}): ${status.message}`;
        return {
          status: "unavailable",
          of,
          cause: status.cause,
          message,
          ...(status.lasting ? { lasting: true } : {}),
        };
      }
    return { status: "good" };
  };

  return {
    check: async ({ revocations, aws: question }, signal) => {
      try {
        const checks = revocations.map((one) => checkChain(one, signal));
        if (question !== undefined) checks.push(aws.check(question, signal));
        const found = await Promise.all(checks);
        return (
          found.find(({ status }) => status === "revoked") ??
          found.find(({ status }) => status === "unavailable") ?? { status: "good" }
        );
      } catch {
        return {
          status: "unavailable",
          of: "signer",
          cause: "network",
          message: "could not be looked up among what was revoked",
        };
      }
    },
  };
};

const TOO_LATE: CertificateStatus = {
  status: "unknown",
  cause: "timeout",
  message: "nobody answered in time",
  lasting: false,
};

const isFresh = (kept: Kept, now: number): boolean =>
  younger(kept.at, now, kept.status.status === "unknown" ? RETRY : FRESH) &&
  (kept.status.status === "unknown" || isUsable(kept, now));

/** Until its own end, by the word of who gave it. */
const isUsable = ({ status, at }: Kept, now: number): boolean =>
  status.status !== "unknown" && now >= at && now <= status.nextUpdate;
