import type { PolicyFault } from "../compiledPolicy.ts";
import { parseDuration } from "../duration.ts";
import { parsePattern, type ImagePattern } from "../image/pattern.ts";

/**
 * Collects what is wrong with one rule while it is compiled. A rule with a fault stays, and answers as a configuration
 * fault for every image: nothing is judged by the half of a rule that was understood.
 */
export interface RuleFaults {
  readonly faults: PolicyFault[];
  /** For the compiled rule's `fault`; nothing where all compiled. */
  readonly asField: () => { readonly fault?: string };
  readonly duration: (text: string | undefined, path: string) => number | undefined;
  readonly patterns: (texts: readonly string[] | undefined, path: string) => readonly ImagePattern[] | undefined;
  readonly add: (reason: PolicyFault["reason"], path: string, message: string) => void;
}

export const ruleFaults = (): RuleFaults => {
  const faults: PolicyFault[] = [];
  const add: RuleFaults["add"] = (reason, path, message) => {
    faults.push({ reason, path, message });
  };
  return {
    faults,
    add,
    asField: () =>
      faults.length === 0 ? {} : { fault: faults.map(({ path, message }) => `${path} ${message}`).join("; ") },
    duration: (text, path) => {
      if (text === undefined) return undefined;
      const duration = parseDuration(text);
      if (duration === undefined)
        add("InvalidSpec", path, `${JSON.stringify(text)} is not a duration such as 24h or 7d`);
      return duration;
    },
    patterns: (texts, path) =>
      texts?.flatMap((text, index) => {
        const parsed = parsePattern(text);
        if (parsed.status === "ok") return [parsed.pattern];
        add("PatternInvalid", `${path}[${index}]`, `${JSON.stringify(text)} ${parsed.message}`);
        return [];
      }),
  };
};
