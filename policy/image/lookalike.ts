import { LRUCache } from "lru-cache";
import { toUnicode } from "tr46";
import { skeleton } from "./confusables.ts";
import { editDistance } from "./editDistance.ts";

/** How a host imitates an allowed one. */
export interface Lookalike {
  readonly kind: "spelling" | "homoglyph" | "prefix";
  /** The allowed host that was probably meant. */
  readonly meant: string;
  /** In words, for the message. */
  readonly text: string;
}

/** Their names are close to each other (gcr.io, ghcr.io), and each is well known: none imitates another. */
const WELL_KNOWN: ReadonlySet<string> = new Set([
  "docker.io",
  "quay.io",
  "gcr.io",
  "ghcr.io",
  "registry.k8s.io",
  "mcr.microsoft.com",
  "public.ecr.aws",
]);

/** Names shorter than this are too close to each other by chance for two edits. */
const SHORT = 8;

/** Answers that are kept for each list of a policy: an object names few hosts, each often. */
const REMEMBERED = 64;

/**
 * Whether a host that is not allowed looks like one that is (design.md sections 3 and 9): an allowed host as the
 * leading labels of another domain, the same shape in other letters, or a slip of the keyboard away. Ports do not
 * count, punycode is decoded. The closest resemblance is told.
 */
export function findLookalike(registry: string, allowed: readonly string[]): Lookalike | undefined {
  return compileLookalikes(allowed)(registry);
}

/** `findLookalike` among always the same allowed hosts, for what asks again and again. */
export function compileLookalikes(allowed: readonly string[]): (registry: string) => Lookalike | undefined {
  const hosts = [...new Set(allowed.map(withoutPort))].sort();
  if (hosts.length === 0) return () => undefined;
  const known = new Set(hosts);
  const faces = hosts.filter((host) => !isAddress(host)).map(faceOf);
  const byShape = Map.groupBy(faces, ({ shape }) => shape);
  const byLength = Map.groupBy(faces, ({ letters }) => letters.length);
  const find = (host: string): Lookalike | undefined => {
    // The port alone is wrong: the name imitates nothing.
    if (known.has(host) || isAddress(host)) return undefined;
    return prefixed(host, known) ?? twin(faceOf(host), byShape) ?? closest(faceOf(host), byLength);
  };
  const answers = new LRUCache<string, { readonly found: Lookalike | undefined }>({ max: REMEMBERED });
  return (registry) => {
    const host = withoutPort(registry);
    const answer = answers.get(host) ?? { found: find(host) };
    answers.set(host, answer);
    return answer.found;
  };
}

/** The shortest of the leading labels that are an allowed host. */
function prefixed(host: string, known: ReadonlySet<string>): Lookalike | undefined {
  for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) {
    const meant = host.slice(0, dot);
    if (meant.includes(".") && known.has(meant))
      return { kind: "prefix", meant, text: `is another domain that begins with ${meant}` };
  }
  return undefined;
}

function twin(face: Face, byShape: ReadonlyMap<string, readonly Face[]>): Lookalike | undefined {
  const meant = byShape.get(face.shape)?.find(({ host }) => comparable(face.host, host))?.host;
  if (meant === undefined) return undefined;
  const spelled = face.decoded === face.host ? "" : ` (${face.decoded})`;
  const text = `is written with letters that look like those of ${meant}${spelled}`;
  return { kind: "homoglyph", meant, text };
}

/** Only hosts of nearly the same length can be so near; of two that are equally near the first by name. */
function closest({ host, letters }: Face, byLength: ReadonlyMap<number, readonly Face[]>): Lookalike | undefined {
  let best: { readonly meant: string; readonly distance: number } | undefined;
  for (let length = letters.length - 2; length <= letters.length + 2; length++) {
    for (const face of byLength.get(length) ?? []) {
      if (!comparable(host, face.host)) continue;
      const distance = editDistance(letters, face.letters, face.host.length < SHORT ? 1 : 2);
      if (distance === undefined || distance > (best?.distance ?? Infinity)) continue;
      if (best === undefined || distance < best.distance || face.host < best.meant)
        best = { meant: face.host, distance };
    }
  }
  if (best === undefined) return undefined;
  const edits = best.distance === 1 ? "one edit" : `${best.distance} edits`;
  return { kind: "spelling", meant: best.meant, text: `is ${edits} away from ${best.meant}` };
}

function comparable(host: string, meant: string): boolean {
  return !(WELL_KNOWN.has(host) && WELL_KNOWN.has(meant));
}

function withoutPort(host: string): string {
  return host.replace(/:[0-9]+$/, "");
}

/** Numbers next to each other are other machines, not imitations. */
function isAddress(host: string): boolean {
  return host.startsWith("[") || /^[0-9.]+$/.test(host);
}

/** What a reader sees of a host. */
interface Face {
  readonly host: string;
  readonly decoded: string;
  /** Of `decoded`, by code points. */
  readonly letters: ArrayLike<string>;
  readonly shape: string;
}

function faceOf(host: string): Face {
  const decoded = decode(host);
  return { host, decoded, letters: lettersOf(decoded), shape: skeleton(decoded) };
}

/** The text itself where each of its units is a letter: thousands of allowed hosts are kept. */
function lettersOf(text: string): ArrayLike<string> {
  return /[\ud800-\udfff]/.test(text) ? Array.from(text) : text;
}

/** Labels that do not decode stay as they are. */
function decode(host: string): string {
  return host.includes("xn--") ? toUnicode(host).domain : host;
}
