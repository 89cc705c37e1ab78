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

/**
 * Whether a host that is not allowed looks like one that is (design.md sections 3 and 9): an allowed host as the leading labels of
 * another domain, the same shape in other letters, or a slip of the keyboard away. Ports do not count, punycode is decoded. The closest
 * resemblance is told.
 */
export function findLookalike(registry: string, allowed: readonly string[]): Lookalike | undefined {
  const host = withoutPort(registry);
  const candidates = [...new Set(allowed.map(withoutPort))].filter((meant) => meant !== host).sort();
  // The port alone is wrong: the name imitates nothing.
  if (candidates.length === 0 || allowed.some((meant) => withoutPort(meant) === host) || isAddress(host))
    return undefined;

  const prefixed = candidates.find((meant) => host.startsWith(`${meant}.`) && meant.includes("."));
  if (prefixed !== undefined) {
    return { kind: "prefix", meant: prefixed, text: `is another domain that begins with ${prefixed}` };
  }
  const comparable = candidates.filter(
    (meant) => !isAddress(meant) && !(WELL_KNOWN.has(host) && WELL_KNOWN.has(meant)),
  );
  const { decoded, shape } = faceOf(host);
  const twin = comparable.find((meant) => knownFace(meant).shape === shape);
  if (twin !== undefined) {
    const spelled = decoded === host ? "" : ` (${decoded})`;
    return {
      kind: "homoglyph",
      meant: twin,
      text: `is written with letters that look like those of ${twin}${spelled}`,
    };
  }
  let closest: { readonly meant: string; readonly distance: number } | undefined;
  for (const meant of comparable) {
    const most = meant.length < SHORT ? 1 : 2;
    const distance = editDistance(decoded, knownFace(meant).decoded, most);
    if (distance !== undefined && distance < (closest?.distance ?? Infinity)) closest = { meant, distance };
  }
  if (closest === undefined) return undefined;
  const edits = closest.distance === 1 ? "one edit" : `${closest.distance} edits`;
  return { kind: "spelling", meant: closest.meant, text: `is ${edits} away from ${closest.meant}` };
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
  readonly decoded: string;
  readonly shape: string;
}

function faceOf(host: string): Face {
  const decoded = decode(host);
  return { decoded, shape: skeleton(decoded) };
}

/** Of the hosts that policies allow: the same few are compared with every host that is not. */
const known = new LRUCache<string, Face>({ max: 4_096 });

function knownFace(host: string): Face {
  const face = known.get(host) ?? faceOf(host);
  known.set(host, face);
  return face;
}

/** Labels that do not decode stay as they are. */
function decode(host: string): string {
  return host.includes("xn--") ? toUnicode(host).domain : host;
}
