import type { ConfigFacts, PlatformChild } from "../../../policy/facts/facts.ts";
import type { Unavailable } from "../../../policy/facts/outcome.ts";
import { unavailableAmong } from "../../../policy/facts/unavailable.ts";

/** One image manifest that is to be covered by a scan: the image itself, or a platform child of an index. */
export interface ImagePart {
  readonly digest: string;
  /** `os/architecture[/variant]`; only for a child. */
  readonly platform?: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly config: ConfigFacts;
}

/** A platform child that could not be read, beside others that could. */
export interface UnreadPart extends PlatformChild {
  readonly unread: Unavailable;
}

/** An image taken apart: for an image manifest, one part and no index. */
export interface ImageParts {
  /** The digest that is judged. */
  readonly digest: string;
  readonly isIndex: boolean;
  /** Of the judged manifest itself. */
  readonly annotations: Readonly<Record<string, string>>;
  /** At least one. */
  readonly parts: readonly (ImagePart | UnreadPart)[];
}

/** What of an image could not be read; undefined: nothing. */
export const unreadIn = ({ parts }: ImageParts): Unavailable | undefined =>
  unavailableAmong(parts.flatMap((part) => ("unread" in part ? [part.unread] : [])));
