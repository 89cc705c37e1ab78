import { packScan, type PackedScan } from "./formats/packedScan.ts";
import { readScanQuestion, type ScanQuestion } from "./formats/readScans.ts";
import { serveJobs } from "../../async/workers/serveJobs.ts";

serveJobs((question: ScanQuestion): readonly PackedScan[] => readScanQuestion(question).map(packScan));
