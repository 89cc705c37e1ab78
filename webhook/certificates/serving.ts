import type { Log } from "../../kube/log.ts";
import type { ServingPair } from "../server/server.ts";
import { expiryOf, type Material } from "./material.ts";

export interface ServingOptions {
  /** Takes a certificate into service. */
  readonly use: (pair: ServingPair) => void;
  /** The served certificate's end, in seconds since the epoch. */
  readonly certificateExpiry: (seconds: number) => void;
  readonly logger: Log;
  /** Milliseconds that API servers get to see a new authority before its certificate is served; 5 s by default. */
  readonly settle?: number;
}

/** Which certificate is served, and when that may change. */
export class Serving {
  readonly #options: ServingOptions;
  #served: Material | undefined;
  /** The authority that the configurations were seen to trust, and since when (monotonic milliseconds). */
  #trusted: { readonly authority: string; readonly since: number } | undefined;

  constructor(options: ServingOptions) {
    this.#options = options;
  }

  /** PEM of the authority that the configurations were last seen to trust. */
  trusted(): string | undefined {
    return this.#trusted?.authority;
  }

  /**
   * Serves what the API servers trust: at once what the authority in use has signed, else when they had time to see the new one. Gives the
   * milliseconds until then; 0 where it is served now.
   */
  change(material: Material): number {
    const authority = material.authority.cert;
    if (this.#trusted?.authority !== authority) this.#trusted = { authority, since: performance.now() };
    const inUse = this.#served?.authority.cert;
    const wait = this.#trusted.since + (this.#options.settle ?? 5_000) - performance.now();
    if (inUse !== undefined && inUse !== authority && wait > 0) return wait;
    this.use(material);
    return 0;
  }

  /** Serves this one, whoever trusts it. */
  use(material: Material): void {
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
