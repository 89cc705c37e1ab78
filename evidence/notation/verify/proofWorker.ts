import { readList } from "../revocation/crl.ts";
import { serveJobs } from "../../../async/workers/serveJobs.ts";
import { verifyCandidate } from "./verifyCandidate.ts";
import type { VerificationJob } from "./notationVerifier.ts";

serveJobs((job: VerificationJob) =>
  job.type === "signature" ? verifyCandidate(job.question) : readList(job.question),
);
