import { LRUCache } from "lru-cache";
import { checkKey } from "../../../policy/compile/authorities/publicKeys.ts";
import { algorithmOf } from "./algorithm.ts";
import { isIssuedBy, isSelfSigned, type Certificate } from "./certificate.ts";
import { parseDer } from "./asn1.ts";

const KEY_USAGE = "2.5.29.15";
const BASIC_CONSTRAINTS = "2.5.29.19";
const EXTENDED_KEY_USAGE = "2.5.29.37";

/** Bits of key usage (RFC 5280, section 4.2.1.3). */
const DIGITAL_SIGNATURE = 0;
const KEY_CERT_SIGN = 5;
/** Everything but digital signatures and content commitment. */
const FORBIDDEN_USES = [2, 3, 4, KEY_CERT_SIGN, 6, 7, 8];

const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
/** Purposes that a certificate for code must not have beside it; OCSP signing as notation-core-go has it. */
const FORBIDDEN_PURPOSES: ReadonlySet<string> = new Set([
  "2.5.29.37.0",
  "1.3.6.1.5.5.7.3.1",
  "1.3.6.1.5.5.7.3.2",
  "1.3.6.1.5.5.7.3.4",
  TIME_STAMPING,
  "1.3.6.1.5.5.7.3.9",
]);

export type Purpose = "codeSigning" | "timestamping";

/** By purpose and certificates: their bytes decide, and the chains of a policy's signers come again and again. */
const known = new LRUCache<string, { readonly fault: string | undefined }>({
  max: 1_000,
});

/**
 * Why a chain is not what the specification demands ("Certificate Requirements"), leaf first and its self-signed root last; undefined where
 * it is. Only basic constraints, key usage and extended key usage are looked at. Times are not: they depend on what is proved of the time.
 */
export const faultOfChain = (chain: readonly Certificate[], purpose: Purpose): string | undefined => {
  const key = [purpose, ...chain.map(({ fingerprint }) => fingerprint)].join(" ");
  const before = known.get(key);
  if (before !== undefined) return before.fault;
  const fault = lookForFault(chain, purpose);
  known.set(key, { fault });
  return fault;
};

const lookForFault = (chain: readonly Certificate[], purpose: Purpose): string | undefined => {
  const [leaf] = chain;
  const root = chain.at(-1);
  if (leaf === undefined || root === undefined) return "there is no certificate";
  if (!isSelfSigned(root)) return "its last certificate is not a root, which signs itself";
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1];
    if (issuer !== undefined && isSelfSigned(certificate)) return "it goes on after a certificate that signs itself";
    if (issuer !== undefined && !isIssuedBy(certificate, issuer))
      return `certificate ${index + 1} is not issued by the next one`;
    const fault = index === 0 ? faultOfLeaf(leaf, purpose) : faultOfAuthority(certificate, index - 1, purpose);
    if (fault !== undefined) return index === 0 ? fault : `certificate ${index + 1} ${fault}`;
  }
  return undefined;
};

const faultOfLeaf = (leaf: Certificate, purpose: Purpose): string | undefined => {
  if (constraintsOf(leaf)?.isAuthority === true) return "its first certificate is that of a certificate authority";
  const usage = usageOf(leaf);
  const wrong = faultOfUsage(usage, purpose);
  if (wrong !== undefined) return `its first certificate ${wrong}`;
  if (usage?.has(DIGITAL_SIGNATURE) !== true) return "its first certificate is not for digital signatures";
  if (FORBIDDEN_USES.some((use) => usage.has(use))) return "its first certificate is for more than digital signatures";
  const purposes = purposesOf(leaf);
  if (purpose === "timestamping") {
    if (
      purposes?.length !== 1 ||
      purposes[0] !== TIME_STAMPING ||
      leaf.extensions.get(EXTENDED_KEY_USAGE)?.critical !== true
    )
      return "its first certificate is not for timestamps alone, critically";
  } else if (purposes?.some((one) => FORBIDDEN_PURPOSES.has(one)) === true)
    return "its first certificate is for another purpose than signing code";
  if (algorithmOf(leaf.key) === undefined)
    return "its first certificate has a key that is none of RSA 2048, 3072, 4096 and ECDSA P-256, P-384, P-521";
  const checked = checkKey(leaf.key);
  return checked.status === "refused" ? `its first certificate has ${checked.message}` : undefined;
};

const faultOfAuthority = (certificate: Certificate, below: number, purpose: Purpose): string | undefined => {
  const constraints = constraintsOf(certificate);
  if (constraints?.isAuthority !== true) return "is not that of a certificate authority";
  if (constraints.pathLength !== undefined && constraints.pathLength < below)
    return `allows ${constraints.pathLength} certificates between, and there are ${below}`;
  const usage = usageOf(certificate);
  const wrong = faultOfUsage(usage, purpose);
  if (wrong !== undefined) return wrong;
  if (usage?.has(KEY_CERT_SIGN) !== true) return "is not for signing certificates";
  const purposes = purposesOf(certificate);
  // RFC 5280 leaves open what it means in an authority; whoever verifies timestamps takes it for a bound (crypto/x509 of Go).
  if (purpose === "timestamping" && purposes?.some((one) => one === TIME_STAMPING || one === "2.5.29.37.0") === false)
    return "does not issue certificates for timestamps";
  const checked = checkKey(certificate.key);
  return checked.status === "refused" ? `has ${checked.message}` : undefined;
};

const faultOfUsage = (usage: KeyUsage | undefined, purpose: Purpose): string | undefined => {
  if (usage === undefined) return "does not say what its key is for";
  return purpose === "codeSigning" && !usage.critical ? "does not say critically what its key is for" : undefined;
};

interface KeyUsage {
  readonly critical: boolean;
  readonly has: (bit: number) => boolean;
}

const usageOf = ({ extensions }: Certificate): KeyUsage | undefined => {
  const extension = extensions.get(KEY_USAGE);
  if (extension === undefined) return undefined;
  const bits = parseDer(extension.value);
  return { critical: extension.critical, has: (bit) => bits.hasBit(bit) };
};

const constraintsOf = ({
  extensions,
}: Certificate): { readonly isAuthority: boolean; readonly pathLength?: number } | undefined => {
  const extension = extensions.get(BASIC_CONSTRAINTS);
  if (extension === undefined) return undefined;
  const { subs } = parseDer(extension.value);
  const isAuthority = subs[0]?.is("boolean") === true && subs[0].toBoolean();
  const length = subs.find((one) => one.is("integer"))?.toInteger();
  return {
    isAuthority,
    ...(length === undefined ? {} : { pathLength: Number(length) }),
  };
};

/** Whether it calls itself that of an authority. Throws where that does not parse. */
export const isAuthority = (certificate: Certificate): boolean => constraintsOf(certificate)?.isAuthority === true;

export const purposesOf = ({ extensions }: Certificate): readonly string[] | undefined => {
  const extension = extensions.get(EXTENDED_KEY_USAGE);
  return extension === undefined ? undefined : parseDer(extension.value).subs.map((purpose) => purpose.toOid());
};
