import type { Outcome } from "../../policy/facts/outcome.ts";
import { platformChildren } from "./manifestFacts.ts";
import { type Maybe, chain } from "../../async/maybe.ts";
import { readImageId } from "./reportedImage.ts";
import type { ContentReason, Manifest } from "../registry/repository.ts";
import { isImage } from "./tagMatch.ts";

type ManifestOutcome = Outcome<Manifest, ContentReason>;

/** What resolving an imageID may have to ask. */
export interface RunningQuestions {
  /** The manifest that the tag names now. */
  readonly tag: () => Maybe<ManifestOutcome>;
  /** A manifest of the reference's own repository: the one that the runtime names is not asked. */
  readonly manifest: (digest: string) => Maybe<ManifestOutcome>;
}

/** What runs, for a reference by tag (design.md section 5). */
export interface Running {
  /** What content rules judge. */
  readonly digest: Outcome<string>;
  /** For drift. `absent`: it is not what the tag names now, and which manifest it is cannot be told. */
  readonly running: Outcome<string>;
}

const same = (outcome: Outcome<string>): Running => ({ digest: outcome, running: outcome });
const runs = (digest: string): Running => same({ status: "verified", value: digest });
/** Waiting does not help: the runtime goes on reporting what it reports. */
const unknown = (message: string): Outcome<string> => ({
  status: "unavailable",
  cause: "cluster",
  message: `${message}; write the digest that is meant into the pod`,
  lasting: true,
});

/**
 * Which manifest digest a container runs whose image is written with a tag; undefined where nothing was reported yet.
 * `repo@digest`: that digest, or the index that the tag names now where the digest is its platform child. A bare digest is
 * that of a config and is compared with the configs of what the tag names.
 */
export function runningDigest(imageID: string | undefined, questions: RunningQuestions): Maybe<Running | undefined> {
  if (imageID === undefined || imageID === "") return undefined;
  const reported = readImageId(imageID);
  if (reported === undefined) return same(unknown("the runtime reports an image ID that is no digest"));
  const { name, digest } = reported;
  return name === undefined ? byConfig(digest, questions) : byManifest(digest, questions);
}

/** An index is the image itself, so only a manifest for one platform has to be looked for in what the tag names. */
function byManifest(digest: string, { tag, manifest }: RunningQuestions): Maybe<Running> {
  return chain(manifest(digest), (own): Maybe<Running> => {
    if (own.status === "verified" && own.value.config === undefined) return runs(digest);
    return chain(tag(), (named): Running => {
      if (named.status === "verified") return runs(isImage(named.value, digest) ? named.value.digest : digest);
      // A platform child would be judged as if nobody had signed its index.
      return named.status === "unavailable" ? same(named) : runs(digest);
    });
  });
}

function byConfig(config: string, { tag, manifest }: RunningQuestions): Maybe<Running> {
  return chain(tag(), (named): Maybe<Running> => {
    if (named.status === "unavailable") return same(named);
    const lost: Running = {
      digest: unknown("the runtime reports only the digest of a config, which what the tag names now does not have"),
      running: { status: "absent", message: "the tag names another image" },
    };
    if (named.status !== "verified") return { ...lost, running: unknown(named.message) };
    const { value: top } = named;
    // Docker's containerd image store takes the manifest's own digest for the image's ID.
    if (isImage(top, config)) return runs(top.digest);
    if (top.config !== undefined) return top.config.digest === config ? runs(top.digest) : lost;
    return anyChild(platformChildren(top), config, manifest, top.digest, lost);
  });
}

/** Children are asked one after the other: the right one is usually among the first, and there are few. */
function anyChild(
  children: readonly { readonly digest: string }[],
  config: string,
  manifest: RunningQuestions["manifest"],
  index: string,
  lost: Running,
): Maybe<Running> {
  const [first, ...rest] = children.slice(0, MOST_CHILDREN);
  if (first === undefined) return lost;
  return chain(manifest(first.digest), (outcome): Maybe<Running> => {
    if (outcome.status === "verified" && outcome.value.config?.digest === config) return runs(index);
    // A child that could not be read may have been the one.
    return anyChild(rest, config, manifest, index, outcome.status === "unavailable" ? same(outcome) : lost);
  });
}

/** Docker's official images have about ten platforms. */
const MOST_CHILDREN = 64;
