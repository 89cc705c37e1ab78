import { readFileSync } from "node:fs";
import { freemem, loadavg, totalmem } from "node:os";

/** Milliseconds of CPU of a process and all its threads so far; Linux alone. */
export const cpuOf = (pid: number | undefined): number => {
  // After the name, which may hold anything: utime and stime are the 14th and 15th field, in ticks of 10 ms.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
};

/** Resident memory of a process in MiB, now and at most so far; Linux alone. */
export const memoryOf = (pid: number | undefined): { readonly now: number; readonly most: number } => {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mebibytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]) / 1_024;
  return { now: mebibytes("VmRSS"), most: mebibytes("VmHWM") };
};

/** What else the machine does, to be read beside the figures. */
export const machineLoad = (): string =>
  `load average ${loadavg()[0]?.toFixed(1)}, ${Math.round(freemem() / 2 ** 30)} of ${Math.round(totalmem() / 2 ** 30)} GiB free`;
