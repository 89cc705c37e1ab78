import { parseReference } from "../../policy/image/reference.ts";
import { digestAlgorithm } from "../registry/digest.ts";

/** What a runtime reports of the image that a container was made from. */
export interface ReportedImage {
  /** `registry/repository` in its canonical form; absent where only an image's ID is reported, which is the digest of its config. */
  readonly name?: string;
  /** Of the manifest where there is a name, else of the config (with Docker's containerd image store of the manifest). */
  readonly digest: string;
}

/** What dockershim and cri-dockerd put before it: `docker-pullable://` before a name, `docker://` before an ID. */
const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//;
const BARE = /^[0-9a-f]{64}$/;

/**
 * Reads a `status.containerStatuses[].imageID`: `repository@digest` (containerd, CRI-O, cri-dockerd), `sha256:<hex>` (containerd and
 * cri-dockerd for an image without a repository) or 64 hex digits alone (CRI-O). undefined: it is none of these.
 */
export const readImageId = (imageID: string): ReportedImage | undefined => {
  const text = imageID.replace(SCHEME, "");
  if (BARE.test(text)) return { digest: `sha256:${text}` };
  const at = text.lastIndexOf("@");
  const digest = text.slice(at + 1);
  if (digestAlgorithm(digest) === undefined) return undefined;
  if (at < 0) return { digest };
  const parsed = parseReference(text);
  // The digest counts whatever the name is; one that cannot be read is nobody's.
  return { name: parsed.status === "ok" ? parsed.reference.name : "", digest };
};
