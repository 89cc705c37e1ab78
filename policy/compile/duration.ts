import { parseDuration } from "../duration.ts";
import type { FieldFaults } from "./faults.ts";

/** Milliseconds; undefined where nothing is written, or what is none, which is a fault. */
export function compileDuration(text: string | undefined, faults: FieldFaults): number | undefined {
  if (text === undefined) return undefined;
  const duration = parseDuration(text);
  if (duration === undefined) faults.add("InvalidSpec", `${JSON.stringify(text)} is not a duration such as 24h or 7d`);
  return duration;
}
