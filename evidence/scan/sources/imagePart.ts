import type { ConfigFacts } from "../../../policy/facts/facts.ts";

/** One image manifest that is to be covered by a scan: the image itself, or a platform child of an index. */
export interface ImagePart {
  readonly digest: string;
  /** `os/architecture[/variant]`; only for a child. */
  readonly platform?: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly config: ConfigFacts;
}

/** An image taken apart: for an image manifest, one part and no index. */
export interface ImageParts {
  /** The digest that is judged. */
  readonly digest: string;
  readonly isIndex: boolean;
  /** Of the judged manifest itself. */
  readonly annotations: Readonly<Record<string, string>>;
  /** At least one. */
  readonly parts: readonly ImagePart[];
}
