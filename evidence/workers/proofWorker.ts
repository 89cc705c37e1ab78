import { examine } from "../cosign/examine.ts";
import { serveJobs } from "./serveJobs.ts";

serveJobs(examine);
