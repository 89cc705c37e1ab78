import { verifyCandidate } from "./examine.ts";
import { serveJobs } from "../../../async/workers/serveJobs.ts";

serveJobs(verifyCandidate);
