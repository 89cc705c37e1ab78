import { createHash } from "node:crypto";
import { Authenticator } from "../../evidence/registry/auth/authenticator.ts";
import type { CredentialSource } from "../../evidence/registry/auth/credential.ts";
import { createKeychains } from "../../evidence/registry/auth/keychain.ts";
import type { Endpoint } from "../../evidence/registry/endpoint.ts";
import { isUnauthorised, type Failure } from "../../evidence/registry/failure.ts";
import type { RegistryRequest, RegistryResponse } from "../../evidence/registry/http/transport.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../evidence/registry/mediaTypes.ts";
import { createRegistry, createTransport } from "../../evidence/registry/registry.ts";
import type { Manifest } from "../../evidence/registry/repository.ts";
import { REGISTRY_LIMITS, type RegistrySettings } from "../../evidence/registry/settings.ts";
import type { Reference } from "../../policy/image/reference.ts";
import { UsageError } from "../exitCode.ts";
import { NO_SUBJECT } from "../noSubject.ts";
import { NO_METRICS, userCredentials } from "../userEvidence.ts";

/** What is put beside an image. */
export interface Referrer {
  readonly artifactType: string;
  readonly bytes: Uint8Array;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ReferrerPusher {
  /** The digest of the manifest that refers to the image. Rejects with UsageError where the registry does not take it. */
  readonly push: (image: Reference & { readonly digest: string }, referrer: Referrer) => Promise<string>;
  readonly close: () => Promise<void>;
}

/** Milliseconds for one image. */
const PATIENCE = 60_000;
/** OCI image specification, "Guidance for an Empty Descriptor". */
const EMPTY = { mediaType: "application/vnd.oci.empty.v1+json", bytes: new TextEncoder().encode("{}") };

/**
 * Puts artifacts beside images (OCI distribution specification 1.1, "Pushing Manifests with Subject"), with the user's own credentials, which
 * are asked for tokens that may push here and nowhere else.
 */
export const createReferrerPusher = async (settings: RegistrySettings): Promise<ReferrerPusher> => {
  const { cloud } = await userCredentials(settings);
  const keychains = createKeychains({ settings, cloud });
  const registry = createRegistry({ settings, metrics: NO_METRICS });
  const transport = createTransport({ settings, metrics: NO_METRICS });
  const authenticator = new Authenticator({
    transport,
    tokenRealms: settings.tokenRealms,
    limits: { ...REGISTRY_LIMITS, ...settings.limits },
    actions: "pull,push",
  });

  const push: ReferrerPusher["push"] = async ({ name, digest }, { artifactType, bytes, annotations }) => {
    const signal = AbortSignal.timeout(PATIENCE);
    const endpoint = registry.endpoint(name);
    if (endpoint === undefined) throw new UsageError(`${name} is at no place that can be asked`);
    const keychain = await keychains.open({ subject: NO_SUBJECT, policies: [] }, signal);
    const sources = keychain.sources(endpoint, true);
    const read = registry.repository(endpoint, sources);
    const subject = proved(await read.manifest(digest, signal));
    const write = new RepositoryWriter({ endpoint, sources, authenticator, signal });

    const config = descriptor(EMPTY.mediaType, EMPTY.bytes);
    const layer = descriptor(artifactType, bytes);
    await write.blob(config.digest, EMPTY.bytes);
    await write.blob(layer.digest, bytes);
    const manifest = encode({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType,
      config,
      layers: [layer],
      subject: { mediaType: subject.mediaType, digest, size: subject.size },
      annotations,
    });
    const pushed = descriptor(OCI_MANIFEST, manifest);
    const { listed } = await write.manifest(pushed.digest, OCI_MANIFEST, manifest);
    if (listed) return pushed.digest;
    // The registry has no referrers API: whoever pushes keeps the list ("Referrers Tag Schema").
    const tag = digest.replace(":", "-").slice(0, 128);
    const before = await read.manifestByTag(tag, signal);
    if (before.status !== "verified" && before.status !== "absent") throw new UsageError(before.message);
    const index = encode({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [
        ...(before.status === "verified" ? before.value.manifests.filter((one) => one.digest !== pushed.digest) : []),
        { ...pushed, artifactType, annotations },
      ],
    });
    await write.manifest(tag, OCI_INDEX, index);
    return pushed.digest;
  };

  return { push, close: async () => void (await Promise.all([registry.close(), transport.close()])) };
};

interface WriterOptions {
  readonly endpoint: Endpoint;
  /** In the order to try. */
  readonly sources: readonly CredentialSource[];
  readonly authenticator: Authenticator;
  readonly signal: AbortSignal;
}

/** The endpoints of the distribution API that writing needs. Every method rejects with UsageError where the registry refuses. */
class RepositoryWriter {
  readonly #options: WriterOptions;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Uploaded anew where it is there already: no registry minds, and asking first is one exchange as well. */
  async blob(digest: string, bytes: Uint8Array): Promise<void> {
    const what = `blob ${digest}`;
    const { answer, url } = await this.#ask("POST", "blobs/uploads/", { what });
    const location = answer.headers["location"];
    if (answer.code !== 202 || location === undefined) throw this.#refusal(answer, what);
    const upload = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (upload === undefined || upload.origin !== url.origin)
      throw new UsageError(`${this.#name} wants ${what} to be uploaded to another place than the registry`);
    upload.searchParams.set("digest", digest);
    const done = await this.#ask("PUT", upload, { what, type: "application/octet-stream", body: bytes });
    if (done.answer.code !== 201) throw this.#refusal(done.answer, what);
  }

  /** `listed`: the registry says that it lists it among the referrers of its subject. */
  async manifest(reference: string, type: string, bytes: Uint8Array): Promise<{ readonly listed: boolean }> {
    const what = `manifest ${reference}`;
    const { answer } = await this.#ask("PUT", `manifests/${reference}`, { what, type, body: bytes });
    if (answer.code !== 201) throw this.#refusal(answer, what);
    return { listed: answer.headers["oci-subject"] !== undefined };
  }

  get #name(): string {
    return this.#options.endpoint.name;
  }

  #refusal({ code }: RegistryResponse, what: string): UsageError {
    return new UsageError(`${this.#name} does not take ${what}: the registry answers with status ${code}`);
  }

  async #ask(
    method: RegistryRequest["method"],
    where: string | URL,
    { what, type, body }: { readonly what: string; readonly type?: string; readonly body?: Uint8Array },
  ): Promise<{ readonly answer: RegistryResponse; readonly url: URL }> {
    const { endpoint, sources, authenticator, signal } = this.#options;
    const url = typeof where === "string" ? new URL(`${endpoint.origin}/v2/${endpoint.repository}/${where}`) : where;
    const question = {
      registry: endpoint.registry,
      operation: "push",
      method,
      url,
      headers: type === undefined ? {} : { "content-type": type },
      ...(body === undefined ? {} : { body }),
      limit: 0,
      what,
      follow: false,
    } as const;
    let refused: Failure | undefined;
    for (const source of sources) {
      const answer = await authenticator.ask(question, endpoint, source, { signal });
      if (answer.status === "answered") return { answer, url };
      // The first refusal is that of the best credential.
      refused ??= answer;
      if (!isUnauthorised(answer)) break;
    }
    throw new UsageError(refused?.message ?? `${this.#name} cannot be asked`);
  }
}

const proved = (found: { readonly status: "verified"; readonly value: Manifest } | Failure): Manifest => {
  if (found.status !== "verified") throw new UsageError(found.message);
  return found.value;
};

const encode = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

const descriptor = (
  mediaType: string,
  bytes: Uint8Array,
): { readonly mediaType: string; readonly digest: string; readonly size: number } => ({
  mediaType,
  digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`,
  size: bytes.length,
});
