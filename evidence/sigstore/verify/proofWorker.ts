import { verifyCandidate } from "./verifyCandidate.ts";
import { serveJobs } from "../../../async/workers/serveJobs.ts";

serveJobs(verifyCandidate);
