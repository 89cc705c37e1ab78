import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, realpath } from "node:fs/promises";
import { isIP } from "node:net";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Log } from "../../kube/log.ts";
import { messageOf } from "../../kube/kubeError.ts";
import { codeOf } from "../fileError.ts";
import { expiryOf, isCertificate, sameCertificate, splitPem, type Material } from "./material.ts";

export interface CertificateFilesOptions {
  /** Folder with `tls.crt` (the certificate, then those between it and the authority), `tls.key` and `ca.crt` (authorities). */
  readonly directory: string;
  /** DNS name or IP address that the API server uses. */
  readonly name: string;
  readonly logger: Log;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Milliseconds that an authority stays in the bundle after the files have another one. Every kubelet brings a change to its pods within two
 * minutes (its period and its cache's); until the last one has, somebody serves what the authority before has signed.
 */
export const FILES_OVERLAP: number = 3_600_000;

interface Texts {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** Files that can be served. */
interface Taken {
  readonly texts: Texts;
  readonly authorities: readonly string[];
  /** The authority of them that the certificate leads to. */
  readonly anchor: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/**
 * The webhook's certificates in files that somebody else renews, such as a Secret of cert-manager's that is mounted. Read each time: a change needs
 * no restart. What cannot be used changes nothing, and is told of once; at the start it is an error, and tried again.
 */
export class CertificateFiles {
  readonly #options: CertificateFilesOptions;
  #taken: Taken | undefined;
  /** Authorities that the files held before, and until when they are trusted. */
  #retired: readonly { readonly pem: string; readonly until: number }[] = [];
  #trouble: string | undefined;

  constructor(options: CertificateFilesOptions) {
    this.#options = options;
  }

  /** The material in force. Rejects where the files could never be used. */
  async sync(): Promise<Material> {
    const { directory, logger } = this.#options;
    try {
      this.#taken = this.#take(await readTexts(directory));
      this.#trouble = undefined;
    } catch (error) {
      const trouble = messageOf(error);
      if (this.#taken === undefined) throw new Error(`--certificate-files ${directory}: ${trouble}`, { cause: error });
      if (trouble !== this.#trouble)
        logger.error("the files of --certificate-files cannot be used; what they held before is served", { trouble });
      this.#trouble = trouble;
    }
    return this.#materialOf(this.#taken);
  }

  #take(texts: Texts): Taken {
    const { name, now } = this.#options;
    const before = this.#taken;
    if (before !== undefined && isDeepStrictEqual(before.texts, texts)) return before;
    const authorities = authoritiesOf(texts.ca);
    const since = now();
    const taken = { texts, authorities, anchor: anchorOf(texts, authorities, name, since), since };
    const gone = before?.authorities.filter((pem) => !holds(authorities, pem)) ?? [];
    this.#retired = [...this.#retired, ...gone.map((pem) => ({ pem, until: since + FILES_OVERLAP }))];
    return taken;
  }

  #materialOf({ texts, authorities, anchor, since }: Taken): Material {
    const now = this.#options.now();
    this.#retired = this.#retired.filter(({ pem, until }) => now < until && now < expiryOf(pem));
    const retired = this.#retired.map(({ pem }) => pem).filter((pem) => !holds(authorities, pem));
    return {
      // Its key is not ours to have.
      authority: { cert: anchor, key: "" },
      bundle: [anchor, ...authorities.filter((pem) => pem !== anchor), ...new Set(retired)],
      serving: { cert: texts.cert, key: texts.key },
      authoritySince: since,
    };
  }
}

/**
 * The three files as one: kubelets change a mounted volume by a symbolic link to another folder, so all are read from the folder that the link
 * leads to now. Rejects where one of them is missing.
 */
async function readTexts(directory: string): Promise<Texts> {
  const at = dirname(await resolved(join(directory, "tls.crt")));
  const read = async (name: string): Promise<string> =>
    await readFile(join(at, name), "utf8").catch((error: unknown) => {
      throw new Error(`${name} cannot be read (${codeOf(error)})`, { cause: error });
    });
  const [cert, key, ca] = await Promise.all(["tls.crt", "tls.key", "ca.crt"].map(read));
  return { cert: cert ?? "", key: key ?? "", ca: ca ?? "" };
}

const resolved = (path: string): Promise<string> =>
  realpath(path).catch((error: unknown) => {
    throw new Error(`tls.crt cannot be read (${codeOf(error)})`, { cause: error });
  });

/** Rejects a text in which a certificate is cut: it is being written. */
function authoritiesOf(text: string): readonly string[] {
  const authorities = splitPem(text);
  if (authorities.length === 0)
    throw new Error("ca.crt holds no PEM certificate; take an issuer that gives its CA, which ACME does not");
  if (authorities.length !== text.split("-----BEGIN CERTIFICATE-----").length - 1 || !authorities.every(isCertificate))
    throw new Error("a certificate of ca.crt cannot be parsed");
  return authorities;
}

/** The authority of `ca.crt` that the certificate of `tls.crt` leads to. Throws where it could not be served. */
function anchorOf({ cert, key }: Texts, authorities: readonly string[], name: string, now: number): string {
  const [leaf, ...between] = chainOf(cert);
  if (leaf === undefined) throw new Error("tls.crt holds no certificate");
  if (!fits(leaf, key)) throw new Error("tls.key is not the key of tls.crt");
  if ((isIP(name) === 0 ? leaf.checkHost(name) : leaf.checkIP(name)) === undefined)
    throw new Error(`the certificate is not for ${name}; name it in its dnsNames`);
  if (leaf.validToDate.getTime() <= now) throw new Error(`the certificate has expired (${leaf.validTo})`);
  if (leaf.validFromDate.getTime() > now) throw new Error(`the certificate is not valid before ${leaf.validFrom}`);
  const issuedBy = (one: X509Certificate) => (other: X509Certificate) =>
    one.checkIssued(other) && one.verify(other.publicKey);
  const seen = new Set<X509Certificate>();
  for (let one: X509Certificate | undefined = leaf; one !== undefined && !seen.has(one);) {
    seen.add(one);
    const issued = issuedBy(one);
    const anchor = authorities.find((pem) => issued(new X509Certificate(pem)));
    if (anchor !== undefined) return anchor;
    one = between.find(issued);
  }
  throw new Error("no authority of ca.crt has signed the certificate of tls.crt");
}

function chainOf(text: string): readonly X509Certificate[] {
  try {
    return splitPem(text).map((pem) => new X509Certificate(pem));
  } catch (error) {
    throw new Error("a certificate of tls.crt cannot be parsed", { cause: error });
  }
}

function fits(leaf: X509Certificate, key: string): boolean {
  try {
    return leaf.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

const holds = (bundle: readonly string[], pem: string): boolean => bundle.some((one) => sameCertificate(one, pem));
