import { LRUCache } from "lru-cache";
import { SingleFlight } from "../../../async/singleFlight.ts";
import { younger } from "../../../async/younger.ts";
import { orAborted } from "../../../async/signals.ts";
import { regionOfProfile } from "../../../policy/compile/authorities/signingProfile.ts";
import { proxyAgents } from "../../registry/http/environmentProxy.ts";
import type { AwsRevocationRequest } from "../proof.ts";
import type { Revocation } from "./revocations.ts";

/** GetRevocationStatus of AWS Signer. Never rejects; ends with the signal. */
export interface AwsRevocations {
  readonly check: (question: AwsRevocationRequest, signal: AbortSignal) => Promise<Revocation>;
}

export interface AwsRevocationsOptions {
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Instead of AWS's own, for a private endpoint and for tests: `http://host:port`. */
  readonly endpoint?: string;
  /** For the log. */
  readonly onFailure: (error: unknown) => void;
}

/** Milliseconds; the caller's signal ends it earlier. */
const CONNECT_TIME = 2_000;
const REQUEST_TIME = 5_000;
/** An answer is used so long, as a proof is. */
const FRESH = 600_000;
const MOST_ANSWERS = 5_000;
/** The one platform of container images (aws-signer-notation-plugin). */
const PLATFORM = "Notation-OCI-SHA384-ECDSA";

export const createAwsRevocations = ({ clock, endpoint, onFailure }: AwsRevocationsOptions): AwsRevocations => {
  const answers = new LRUCache<string, { readonly answer: Revocation; readonly at: number }>({ max: MOST_ANSWERS });
  const flights = new SingleFlight<Revocation>();
  return {
    check: async (question, signal) => {
      const key = JSON.stringify(question);
      const kept = answers.get(key);
      if (kept !== undefined && younger(kept.at, clock(), FRESH)) return kept.answer;
      return flights.run(
        key,
        signal,
        async (flight) => {
          try {
            const answer = await ask(question, endpoint, flight.signal);
            answers.set(key, { answer, at: clock() });
            return answer;
          } catch (error) {
            // Access denied as well: it is the operator's role that is wrong, and not the signature.
            if (!flight.signal.aborted) onFailure(error);
            return UNAVAILABLE;
          }
        },
        () => UNAVAILABLE,
      );
    },
  };
};

const UNAVAILABLE: Revocation = {
  status: "unavailable",
  of: "signer",
  cause: "network",
  message: "is one of which AWS Signer could not be asked whether it was revoked (signer:GetRevocationStatus)",
};

const ask = async (
  { profileVersion, job, signedAt, certificateHashes }: AwsRevocationRequest,
  endpoint: string | undefined,
  signal: AbortSignal,
): Promise<Revocation> => {
  // The profile is one that the policy trusts, exactly: nobody else chooses which region is asked.
  const region = regionOfProfile(profileVersion);
  if (region === undefined) throw new Error("a signing profile without a region");
  const { SignerDataClient, GetRevocationStatusCommand } = await import("@aws-sdk/client-signer-data");
  const client = new SignerDataClient({
    region,
    maxAttempts: 2,
    requestHandler: { connectionTimeout: CONNECT_TIME, requestTimeout: REQUEST_TIME, ...proxyAgents() },
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  try {
    const command = new GetRevocationStatusCommand({
      signatureTimestamp: new Date(signedAt),
      platformId: PLATFORM,
      profileVersionArn: profileVersion,
      jobArn: job,
      certificateHashes: [...certificateHashes],
    });
    const { revokedEntities = [] } = await orAborted(
      client.send(command, { abortSignal: signal }),
      signal,
      "AWS Signer hangs",
    );
    return revokedEntities.length === 0
      ? { status: "good" }
      : { status: "revoked", of: "signer", message: wordsOf(revokedEntities) };
  } finally {
    client.destroy();
  }
};

/** Profiles and jobs by their ARN; certificates are hashes that nobody can read. */
const wordsOf = (entities: readonly string[]): string => {
  const arns = entities.filter((entity) => entity.startsWith("arn:"));
  const what = arns.length === 0 ? "its certificate" : arns.slice(0, 3).join(", ");
  return `was revoked with AWS Signer (${what})`;
};
