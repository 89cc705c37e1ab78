/** A key of a Secret or ConfigMap that a policy refers to. */
export interface DataReference {
  readonly kind: "Secret" | "ConfigMap";
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

export type ResolvedData =
  | { readonly status: "found"; readonly text: string }
  | { readonly status: "missing"; readonly message: string }
  /** The namespace is neither the operator's own nor one of `--trust-namespaces`. */
  | { readonly status: "notTrusted"; readonly message: string };

/**
 * Reads what a policy refers to: from the operator's caches, or from the files that the CLI was given.
 * Synchronous, so that compiling stays a pure function of a snapshot.
 */
export type Resolve = (reference: DataReference) => ResolvedData;
