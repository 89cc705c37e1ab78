import { readList } from "../revocation/crl.ts";
import { serveJobs } from "../../../async/workers/serveJobs.ts";
import { verifyCandidate } from "./examine.ts";
import type { VerificationJob } from "./examiner.ts";

serveJobs((job: VerificationJob) =>
  job.type === "signature" ? verifyCandidate(job.question) : readList(job.question),
);
