import { examine } from "./examine.ts";
import { serveJobs } from "../../../async/workers/serveJobs.ts";

serveJobs(examine);
