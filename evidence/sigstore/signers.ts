import type { CompiledAuthority, SigstoreAuthority, TrustedKey, TrustRootSource } from "../../policy/authority.ts";
import type { Outcome, UnavailableCause } from "../../policy/facts/outcome.ts";
import type { KmsKeys } from "../trust/keys/kmsKeys.ts";
import type { KnownRoot, TrustRoots } from "../trust/trustRoots.ts";
import type { Standing } from "../standing.ts";
import type { Signer } from "./proof.ts";

/** An authority with everything that it trusts at this moment. */
export type ResolvedSigner =
  /** `renewable`: its key or root could not be renewed lately; good for what was proved before, not for new verdicts. */
  | { readonly status: "ready"; readonly signer: Signer; readonly renewable?: Unavailable }
  | Unavailable
  | { readonly status: "unusable"; readonly message: string };

interface Unavailable {
  readonly status: "unavailable";
  readonly cause: UnavailableCause;
  readonly message: string;
}

export interface SignerSources {
  readonly kms: KmsKeys;
  readonly roots: TrustRoots;
}

/**
 * The signer behind an authority, as it is now. Synchronous where nothing has to be fetched: literal keys always, the rest once
 * it is known. A key without a log needs no trust root, and nothing is fetched for it (air gap). `standing` is told how long it is this one.
 */
export const resolveSigner = (
  authority: CompiledAuthority,
  { kms, roots }: SignerSources,
  signal: AbortSignal,
  standing: Standing,
): ResolvedSigner | Promise<ResolvedSigner> => {
  if (authority.type === "notation") return NO_SIGNER;
  const settled = constant.get(authority);
  if (settled !== undefined) return settled;
  const source = rootOf(authority);
  const root = source === undefined ? undefined : roots.peek(source);
  const held = authority.type === "key" && authority.kms !== undefined ? kms.peek(authority.kms) : undefined;
  // After they were looked at, which starts a renewal that is due.
  if (source !== undefined) standing.limit(roots.until(source));
  if (authority.type === "key" && authority.kms !== undefined) standing.limit(kms.until(authority.kms));
  const rootReady = source === undefined || root !== undefined;
  if (rootReady && authority.type === "keyless") return ready(authority, [], root);
  if (rootReady && authority.type === "key" && authority.kms === undefined)
    return ready(authority, authority.keys, root);
  if (rootReady && held?.fresh === true) return ready(authority, [held.key], root);
  return resolveLater(authority, source, { kms, roots }, signal);
};

/** The compiler of policies lets no rule ask one for attestations. */
const NO_SIGNER = { status: "unusable", message: "an authority of notation makes no attestations" } as const;

const resolveLater = async (
  authority: SigstoreAuthority,
  source: TrustRootSource | undefined,
  { kms, roots }: SignerSources,
  signal: AbortSignal,
): Promise<ResolvedSigner> => {
  const uri = authority.type === "key" ? authority.kms : undefined;
  const [root, key] = await Promise.all([
    source === undefined ? undefined : roots.get(source, signal),
    uri === undefined ? undefined : kms.get(uri, signal),
  ]);
  if (root !== undefined && root.status !== "verified") return unavailable(root);
  const known = root?.value;
  if (key === undefined) return ready(authority, authority.type === "key" ? authority.keys : [], known);
  if (key.status === "verified") return ready(authority, [key.value], known);
  if (key.status === "invalid") return { status: "unusable", message: key.message };
  const failed = unavailable(key);
  const last = uri === undefined ? undefined : kms.peek(uri)?.key;
  return last === undefined ? failed : { ...ready(authority, [last], known), renewable: failed };
};

const unavailable = (outcome: Exclude<Outcome<unknown, never>, { status: "verified" }>): Unavailable =>
  outcome.status === "unavailable"
    ? { status: "unavailable", cause: outcome.cause, message: outcome.message }
    : { status: "unavailable", cause: "trustRoot", message: outcome.message };

/** A trust root is needed for certificates and for the log; one that was written down serves timestamps of bare keys too. */
const rootOf = ({ type, transparencyLog, trustRoot }: SigstoreAuthority): TrustRootSource | undefined =>
  type === "keyless" || transparencyLog === "Required" || trustRoot.type === "document" ? trustRoot : undefined;

/** Of authorities whose trust is all written down: nothing about them can change. */
const constant = new WeakMap<SigstoreAuthority, ResolvedSigner & { readonly status: "ready" }>();
/** Of the others, made once while nothing changes: a warm review asks only for the key. */
const made = new WeakMap<SigstoreAuthority, ResolvedSigner & { readonly status: "ready" }>();

const ready = (
  authority: SigstoreAuthority,
  keys: readonly TrustedKey[],
  root: KnownRoot | undefined,
): ResolvedSigner & { readonly status: "ready" } => {
  const key = signerKey(authority, keys, root);
  const known = made.get(authority);
  if (known?.signer.key === key) return known;
  const { transparencyLog, annotations } = authority;
  const base = { key, transparencyLog, annotations };
  const signer: Signer =
    authority.type === "keyless"
      ? {
          ...base,
          type: "keyless",
          identities: authority.identities.map(({ spec }) => spec),
          sct: authority.sct,
          trustRoot: root?.json ?? "",
        }
      : {
          ...base,
          type: "key",
          keys: keys.map((one) => one.key.export({ format: "der", type: "spki" })),
          ...(root === undefined ? {} : { trustRoot: root.json }),
        };
  const resolved = { status: "ready", signer } as const;
  made.set(authority, resolved);
  const fetched = authority.type === "key" && authority.kms !== undefined;
  if (!fetched && (root === undefined || authority.trustRoot.type === "document")) constant.set(authority, resolved);
  return resolved;
};

/** The authority's id, and what it does not stand for: keys that were fetched, roots that renew themselves. */
const signerKey = (authority: SigstoreAuthority, keys: readonly TrustedKey[], root: KnownRoot | undefined): string => {
  const fetched =
    authority.type === "key" && authority.kms !== undefined ? keys.map(({ fingerprint }) => fingerprint) : [];
  const renewed = root !== undefined && authority.trustRoot.type !== "document" ? [root.hash] : [];
  return [authority.id, ...fetched, ...renewed].join("+");
};
