import { setTimeout as sleep } from "node:timers/promises";
import { ApiException } from "@kubernetes/client-node";
import type { CertificateStore } from "./certificates/certificateStore.ts";
import { expiryOf, sameCertificate, splitPem, type Material } from "./certificates/material.ts";
import { isOwnEntry, type GenerateOptions } from "./configurations/generate.ts";
import {
  ConfigurationConflict,
  readConfigurations,
  writeConfigurations,
  type ConfigurationsApi,
  type LiveConfigurations,
} from "./configurations/webhookConfigurations.ts";
import type { AdmissionLogger } from "./logger.ts";
import type { ServingPair } from "./server.ts";

export interface InstallationOptions extends Pick<GenerateOptions, "target" | "excludeNamespaces"> {
  readonly store: Pick<CertificateStore, "sync">;
  /** undefined: someone else writes the configurations, with the authority that stands in the Secret. */
  readonly configurations: ConfigurationsApi | undefined;
  /** Whether a Ready policy pins; undefined while that is not known. */
  readonly pins: () => boolean | undefined;
  /** Takes a certificate into service. */
  readonly use: (pair: ServingPair) => void;
  /** The served certificate's end, in seconds since the epoch. */
  readonly certificateExpiry: (seconds: number) => void;
  readonly logger: AdmissionLogger;
  /** Milliseconds between rounds; 30 s by default. */
  readonly interval?: number;
  /** Milliseconds that API servers get to see a new authority before its certificate is served; 5 s by default. */
  readonly settle?: number;
}

/**
 * Keeps the webhook reachable: certificates in their Secret, their authorities and our rules in the configurations.
 * Level-based, so that what is deleted or changed by hand is put right in the next round, and the same for every replica.
 */
export class WebhookInstallation {
  /** Resolves when the configurations are written and a certificate that they trust is served. */
  readonly ready: Promise<void>;
  readonly #options: InstallationOptions;
  readonly #stopping = new AbortController();
  readonly #installed = Promise.withResolvers<void>();
  #wake: () => void = () => undefined;
  #poked = false;
  #running: Promise<void> | undefined;
  #served: Material | undefined;
  /** The authority that the configurations were seen to trust, and since when (monotonic milliseconds). */
  #trusted: { readonly authority: string; readonly since: number } | undefined;

  constructor(options: InstallationOptions) {
    this.#options = options;
    this.ready = this.#installed.promise;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Runs the next round at once, because what it depends on may have changed. */
  poke(): void {
    this.#poked = true;
    this.#wake();
  }

  /** Ends after the round in hand. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { interval = 30_000, logger } = this.#options;
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      this.#poked = false;
      let pause = interval;
      try {
        pause = Math.min(interval, await this.#round());
        failures = 0;
      } catch (error) {
        failures += 1;
        // Half a second, doubled each time, and never the same for two replicas.
        pause = Math.min(interval, 500 * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
        const conflict = error instanceof ConfigurationConflict;
        logger[conflict ? "debug" : "warn"]("the webhook could not be installed; it is tried again", {
          error: String(error),
        });
      }
      if (!this.#poked) await this.#pause(pause);
    }
  }

  async #pause(milliseconds: number): Promise<void> {
    const waking = new AbortController();
    this.#wake = () => waking.abort();
    if (this.#stopping.signal.aborted) return;
    await sleep(milliseconds, undefined, { signal: waking.signal, ref: false }).catch(() => undefined);
  }

  /** One round; gives the milliseconds after which the next one has something to do, at the latest. */
  async #round(): Promise<number> {
    const { store, configurations, target, excludeNamespaces, pins } = this.#options;
    // In this order: whoever renewed the Secret after we read it also wrote a configuration that is newer than ours, so
    // that our write conflicts and no bundle ever goes back.
    const live = configurations && (await readConfigurations(configurations));
    const material = await store.sync();
    if (configurations === undefined || live === undefined) {
      this.#serve(material);
      return Infinity;
    }
    const caBundle = material.bundle.join("");
    const wanted = { target, excludeNamespaces, caBundle };
    const written = await writeConfigurations(configurations, live, wanted, pins()).catch((error: unknown) => {
      // Somebody deleted it, to free the cluster, and we have no right to make it: nobody calls us, and without a certificate
      // the probes would fail for nothing.
      if (live.validating === undefined && isForbidden(error)) this.#use(material);
      throw error;
    });
    if (!trusts(written, material.authority.cert))
      throw new Error("the configurations do not hold the webhook's authority");
    return this.#change(material);
  }

  /** Serves what the API servers trust: at once what the authority in use has signed, else when they had time to see the new one. */
  #change(material: Material): number {
    const authority = material.authority.cert;
    if (this.#trusted?.authority !== authority) this.#trusted = { authority, since: performance.now() };
    const inUse = this.#served?.authority.cert;
    const wait = this.#trusted.since + (this.#options.settle ?? 5_000) - performance.now();
    if (inUse !== undefined && inUse !== authority && wait > 0) return wait;
    this.#serve(material);
    return Infinity;
  }

  #serve(material: Material): void {
    this.#use(material);
    this.#installed.resolve();
  }

  #use(material: Material): void {
    if (this.#served?.serving.cert !== material.serving.cert) {
      const { use, certificateExpiry, logger } = this.#options;
      use(material.serving);
      certificateExpiry(expiryOf(material.serving.cert) / 1_000);
      logger.info("the webhook serves a new certificate", {
        expires: new Date(expiryOf(material.serving.cert)).toISOString(),
      });
    }
    this.#served = material;
  }
}

const isForbidden = (error: unknown): boolean => error instanceof ApiException && error.code === 403;

/** Whether every entry of ours in both configurations trusts this authority. */
const trusts = ({ validating, mutating }: LiveConfigurations, authority: string): boolean =>
  [...(validating?.webhooks ?? []), ...(mutating?.webhooks ?? [])]
    .filter(({ name }) => isOwnEntry(name))
    .every(({ clientConfig }) =>
      splitPem(Buffer.from(clientConfig.caBundle ?? "", "base64").toString("utf8")).some((pem) =>
        sameCertificate(pem, authority),
      ),
    );
