import { packScan, type PackedScan } from "../scan/packedScan.ts";
import { readScanQuestion, type ScanQuestion } from "../scan/readScans.ts";
import { serveJobs } from "./serveJobs.ts";

serveJobs((question: ScanQuestion): readonly PackedScan[] => readScanQuestion(question).map(packScan));
