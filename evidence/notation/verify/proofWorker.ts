import { readList } from "../revocation/crl.ts";
import { serveJobs } from "../../../async/workers/serveJobs.ts";
import { examine } from "./examine.ts";
import type { Job } from "./examiner.ts";

serveJobs((job: Job) => (job.type === "signature" ? examine(job.question) : readList(job.question)));
