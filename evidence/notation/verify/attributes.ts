import { Malformed } from "../proof.ts";

/** What the signer says of the signature, under the signature (signature specification, "Signed Attributes"). */
export type SignedAttributes = {
  /** Milliseconds. */
  readonly expiry?: number;
  /** AWS Signer's attributes; absent where there are none. */
  readonly plugin?: ReadonlyMap<string, unknown>;
} & (
  | { readonly scheme: "notary.x509" }
  /** `signedAt` in milliseconds: worth what the signing authority is worth. */
  | { readonly scheme: "notary.x509.signingAuthority"; readonly signedAt: number }
);

const SCHEME = "io.cncf.notary.signingScheme";
const EXPIRY = "io.cncf.notary.expiry";
const SIGNING_TIME = "io.cncf.notary.signingTime";
const AUTHENTIC_TIME = "io.cncf.notary.authenticSigningTime";

export const PLUGIN = "io.cncf.notary.verificationPlugin";
export const PLUGIN_VERSION = "io.cncf.notary.verificationPluginMinVersion";
export const PROFILE_VERSION = "com.amazonaws.signer.signingProfileVersion";
export const SIGNING_JOB = "com.amazonaws.signer.signingJob";

/** Those that only AWS Signer's plugin understands. */
const PLUGIN_ATTRIBUTES = [PLUGIN, PLUGIN_VERSION, PROFILE_VERSION, SIGNING_JOB];
const UNDERSTOOD = new Set<unknown>([SCHEME, EXPIRY, AUTHENTIC_TIME, ...PLUGIN_ATTRIBUTES]);

/** Names that a reader who ignores case would take for ours: the same bytes must not mean two things. */
const OURS = new Map(
  [SCHEME, EXPIRY, SIGNING_TIME, AUTHENTIC_TIME, ...PLUGIN_ATTRIBUTES].map((name) => [name.toLowerCase(), name]),
);

/**
 * Reads the attributes out of a protected header, which both formats give as a map. Throws Malformed.
 *
 * @param critical the header's own list: every entry must be there and be understood, and those that must be critical must be listed.
 * @param timeOf milliseconds of a time as this format writes it; undefined for anything else.
 */
export const readAttributes = (
  header: ReadonlyMap<unknown, unknown>,
  critical: readonly unknown[],
  timeOf: (value: unknown) => number | undefined,
): SignedAttributes => {
  for (const name of header.keys()) {
    const ours = typeof name === "string" ? OURS.get(name.toLowerCase()) : undefined;
    if (ours !== undefined && ours !== name) throw new Malformed(`spells the header ${ours} in another way`);
  }
  const listed = new Set(critical);
  if (listed.size !== critical.length) throw new Malformed("lists a critical header twice");
  for (const name of critical) {
    if (!UNDERSTOOD.has(name)) throw new Malformed(`has the critical header ${shown(name)}, which is not understood`);
    if (!header.has(name)) throw new Malformed(`calls the header ${shown(name)} critical and does not have it`);
  }
  const time = (name: string): number => {
    const value = timeOf(header.get(name));
    if (value === undefined) throw new Malformed(`has a header ${name} that is no time`);
    return value;
  };
  const demand = (name: string): void => {
    if (!listed.has(name)) throw new Malformed(`does not call its header ${name} critical`);
  };
  const forbid = (name: string, scheme: string): void => {
    if (header.has(name)) throw new Malformed(`has a header ${name}, which ${scheme} does not have`);
  };

  const scheme = header.get(SCHEME);
  demand(SCHEME);
  const expiry = header.has(EXPIRY) ? time(EXPIRY) : undefined;
  if (expiry !== undefined) demand(EXPIRY);
  const plugin = pluginOf(header, listed);
  const common = { ...(expiry === undefined ? {} : { expiry }), ...(plugin === undefined ? {} : { plugin }) };
  switch (scheme) {
    case "notary.x509": {
      forbid(AUTHENTIC_TIME, scheme);
      // The signer's own word, which counts for nothing but this.
      checkOrder(time(SIGNING_TIME), expiry);
      return { scheme, ...common };
    }
    case "notary.x509.signingAuthority": {
      forbid(SIGNING_TIME, scheme);
      demand(AUTHENTIC_TIME);
      const signedAt = time(AUTHENTIC_TIME);
      checkOrder(signedAt, expiry);
      return { scheme, signedAt, ...common };
    }
    default:
      throw new Malformed(`is of the signing scheme ${shown(scheme)}, which is not known`);
  }
};

/** A plugin that has to verify, and does not say so critically, would be passed over by some readers. */
const pluginOf = (
  header: ReadonlyMap<unknown, unknown>,
  listed: ReadonlySet<unknown>,
): ReadonlyMap<string, unknown> | undefined => {
  const found = PLUGIN_ATTRIBUTES.filter((name) => header.has(name));
  const loose = found.find((name) => !listed.has(name));
  if (loose !== undefined) throw new Malformed(`does not call its header ${loose} critical`);
  return found.length === 0 ? undefined : new Map(found.map((name) => [name, header.get(name)]));
};

const checkOrder = (signed: number, expiry: number | undefined): void => {
  if (expiry !== undefined && expiry <= signed) throw new Malformed("expires before it was made");
};

/** For messages: cut short, since whoever pushed it wrote it. */
export const shown = (value: unknown): string => {
  const text = typeof value === "string" || typeof value === "number" ? String(value) : typeof value;
  const clean = text.replaceAll(/[^\x20-\x7e]/g, "?");
  return clean.length > 80 ? `${clean.slice(0, 77)}...` : clean;
};
