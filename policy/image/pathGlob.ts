import { compileAutomaton } from "./pathAutomaton.ts";
import { pathFault } from "./repositoryPath.ts";

/**
 * The repository part of a pattern, segment by segment. `**` stands for any number of segments, at the end for one at
 * least (`a/**` is everything below `a`, not `a`); `*` for any characters within one segment.
 */
export function compilePath(
  segments: readonly string[],
):
  | { readonly status: "ok"; readonly matches: (repository: string) => boolean }
  | { readonly status: "fault"; readonly message: string } {
  for (const segment of segments) {
    const wrong = segment === "" && segments.length > 1 ? "has an empty part between slashes" : segmentFault(segment);
    if (wrong !== undefined) return { status: "fault", message: wrong };
  }
  if (segments.every((segment) => segment === "**")) return { status: "ok", matches: () => true };
  if (!segments.some((segment) => segment.includes("*"))) {
    const literal = segments.join("/");
    return { status: "ok", matches: (repository) => repository === literal };
  }
  const head = segments.slice(0, -1);
  if (segments.at(-1) === "**" && !head.some((segment) => segment.includes("*"))) {
    const prefix = `${head.join("/")}/`;
    return { status: "ok", matches: (repository) => repository.startsWith(prefix) };
  }
  // A closing `**` needs a segment: `*` before it takes that one.
  const wanted = segments.at(-1) === "**" ? [...head, "**", "*"] : segments;
  return { status: "ok", matches: compileAutomaton(wanted) };
}

function segmentFault(segment: string): string | undefined {
  if (segment === "**" || segment === "*") return undefined;
  if (segment.includes("**"))
    return `${JSON.stringify(segment)}: "**" stands for whole segments; write it between slashes`;
  if (!segment.includes("*")) return pathFault(segment);
  if (/[A-Z]/.test(segment)) return `has capital letters in its repository (${JSON.stringify(segment)})`;
  return /^[a-z0-9*._-]+$/.test(segment)
    ? undefined
    : `${JSON.stringify(segment)} is not a repository name, nor a glob over one`;
}
