import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { codeOf } from "../fileError.ts";
import { splitPem } from "../certificates/material.ts";
import type { Log } from "../../kube/log.ts";

/** The certificate authorities of API servers' client certificates, as the file holds them now. */
export interface TrustedAuthorities {
  readonly pem: readonly string[];
  readonly certificates: readonly X509Certificate[];
}

export type ParsedAuthorities =
  | { readonly status: "ok"; readonly authorities: TrustedAuthorities }
  | { readonly status: "invalid"; readonly message: string };

/** Milliseconds between two looks at the file. */
const LOOK = 1_000;
/** The largest Secret or ConfigMap that Kubernetes takes. */
const LARGEST = 1024 * 1024;

/** The certificates of a PEM text: one at least, each an authority. */
export const parseAuthorities = (text: string): ParsedAuthorities => {
  const pem = splitPem(text);
  const invalid = (message: string): ParsedAuthorities => ({ status: "invalid", message });
  if (text.length > LARGEST) return invalid("it is larger than 1 MiB");
  if (pem.length === 0) return invalid("it holds no PEM certificate");
  if (pem.length !== text.split("-----BEGIN CERTIFICATE-----").length - 1) return invalid("a certificate in it is cut");
  const certificates: X509Certificate[] = [];
  for (const [index, one] of pem.entries()) {
    try {
      const certificate = new X509Certificate(one);
      if (!certificate.ca) return invalid(`certificate ${index + 1} of it is no certificate authority`);
      certificates.push(certificate);
    } catch {
      return invalid(`certificate ${index + 1} of it cannot be parsed`);
    }
  }
  return { status: "ok", authorities: { pem, certificates } };
};

/**
 * A file of certificate authorities that is read again every second: by its text, so that Kubernetes' way of changing a mounted volume (a
 * symbolic link to a new folder) and an editor's both show. A text counts once two looks found the same, which leaves out what is
 * half-written. What cannot be used changes nothing: an emptied file must neither let everybody in nor stop a cluster.
 */
export class ClientAuthorities {
  readonly #path: string;
  readonly #logger: Log;
  readonly #timer: NodeJS.Timeout;
  readonly #listeners = new Set<() => void>();
  #text: string;
  #seen: string;
  #current: TrustedAuthorities;
  #looking = false;
  #trouble: string | undefined;

  private constructor(path: string, text: string, authorities: TrustedAuthorities, logger: Log) {
    this.#path = path;
    this.#logger = logger;
    this.#text = text;
    this.#seen = text;
    this.#current = authorities;
    this.#timer = setInterval(() => void this.look(), LOOK);
    this.#timer.unref();
  }

  /** Rejects where the file cannot be used: nobody could be told from anybody. */
  static async open(path: string, logger: Log): Promise<ClientAuthorities> {
    const text = await readFile(path, "utf8").catch((error: unknown) => {
      throw new Error(`--webhook-client-ca ${path} cannot be read: ${codeOf(error)}`, { cause: error });
    });
    const parsed = parseAuthorities(text);
    if (parsed.status === "ok") return new ClientAuthorities(path, text, parsed.authorities, logger);
    throw new Error(
      `--webhook-client-ca ${path} cannot be used: ${parsed.message}; give PEM certificates of authorities`,
    );
  }

  /** Another object after each change. */
  current(): TrustedAuthorities {
    return this.#current;
  }

  /** Calls `listener` after each change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  /** One look at the file. Never rejects. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const text = await readFile(this.#path, "utf8");
      if (text === this.#seen && text !== this.#text) this.#take(text);
      else if (text === this.#text) this.#trouble = undefined;
      this.#seen = text;
    } catch (error) {
      this.#complain(`it cannot be read: ${codeOf(error)}`);
    } finally {
      this.#looking = false;
    }
  }

  #take(text: string): void {
    const parsed = parseAuthorities(text);
    if (parsed.status === "invalid") {
      this.#complain(parsed.message);
      return;
    }
    this.#trouble = undefined;
    this.#text = text;
    this.#current = parsed.authorities;
    this.#logger.info("the authorities of client certificates have changed", { count: parsed.authorities.pem.length });
    for (const listener of this.#listeners) listener();
  }

  /** Once for each trouble: the file is looked at every second. */
  #complain(trouble: string): void {
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#logger.error("the file of --webhook-client-ca cannot be used; what it held before stays in force", {
      trouble,
    });
  }
}
