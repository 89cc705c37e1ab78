import type { KubeClient } from "../kube/kubeClient.ts";
import { KubeError } from "../kube/kubeError.ts";
import type { CertificateStore } from "./certificates/certificateStore.ts";
import type { Material } from "./certificates/material.ts";
import { OtherAuthorities } from "./certificates/otherAuthorities.ts";
import { Serving, type ServingOptions } from "./certificates/serving.ts";
import { certificatesIn } from "./configurations/caBundles.ts";
import {
  guardEntries,
  isOwnEntry,
  pinningEntries,
  probeEntry,
  type GenerateOptions,
} from "./configurations/generate.ts";
import {
  readConfigurations,
  writeConfigurations,
  type LiveConfigurations,
  type WantedEntries,
} from "./configurations/webhookConfigurations.ts";
import type { GuardState, Reach } from "./guard/guardState.ts";
import { judgeGuard } from "./guard/judgeGuard.ts";
import { Reachability } from "./guard/reachability.ts";
import { Rounds } from "./guard/rounds.ts";
import { guards, suspension } from "./guard/suspension.ts";
import { trusts, weaknesses } from "./guard/weaknesses.ts";
import { within } from "../async/signals.ts";

export interface InstallationOptions extends Omit<GenerateOptions, "caBundle">, ServingOptions {
  readonly store: Pick<CertificateStore, "sync">;
  readonly client: Pick<KubeClient, "request">;
  /** false: someone else writes the configurations, with the authority that stands in the Secret. They are looked at all the same. */
  readonly manage: boolean;
  /** Whether a Ready policy pins; undefined while that is not known. */
  readonly pins: () => boolean | undefined;
  /** Whether this replica could judge: its caches are synced, a policy set is compiled. */
  readonly serves: () => boolean;
  /** Whether the operator is being removed. */
  readonly leaving: () => Promise<boolean>;
  /** Asks the API server to refuse the probe. */
  readonly probe: () => Promise<Reach>;
  /** Told what was seen, after every round. */
  readonly onGuard: (state: GuardState) => void;
  /** Milliseconds between rounds; 10 s by default. */
  readonly interval?: number;
}

/** Milliseconds until the next look where the API server does not reach the webhook. */
const UNREACHED_MS = 3_000;
/** Milliseconds that the last look at the operator's namespace may hold up a stop. */
const FAREWELL_MS = 2_000;

/**
 * Keeps the webhook reachable and asked: certificates in their Secret, their authorities and our entries in the configurations. Level-based,
 * so that what is deleted or changed by hand is put right in the next round, and the same for every replica.
 *
 * Entries that refuse images are put in only after the API server was seen to reach the webhook: what is installed before it runs, or where
 * a firewall stands between, must not stop a cluster. Those that are there already are kept, whatever happens.
 */
export class WebhookInstallation {
  /** Resolves when the configurations hold what can be installed now, and a certificate that they trust is served. */
  readonly ready: Promise<void>;
  readonly #options: InstallationOptions;
  readonly #rounds: Rounds;
  readonly #reach: Reachability;
  readonly #serving: Serving;
  readonly #others = new OtherAuthorities();
  readonly #installed = Promise.withResolvers<void>();
  /** Whether the last round found and left everything as it should be: what is found otherwise then, somebody else did. */
  #complete = false;

  constructor(options: InstallationOptions) {
    this.#options = options;
    this.ready = this.#installed.promise;
    this.#reach = new Reachability(options.probe);
    this.#serving = new Serving(options);
    this.#rounds = new Rounds({
      round: (signal) => this.#round(signal),
      interval: options.interval ?? 10_000,
      logger: options.logger,
    });
  }

  start(): void {
    this.#rounds.start();
  }

  /** Runs the next round at once, because what it depends on may have changed. */
  poke(): void {
    this.#rounds.poke();
  }

  /** Ends after the round in hand. An operator whose namespace goes away leaves nothing behind that would stop the cluster. */
  async stop(): Promise<void> {
    await this.#rounds.stop();
    if (!this.#options.manage) return;
    await within(
      this.#farewell().catch(() => undefined),
      { milliseconds: FAREWELL_MS },
      () => undefined,
    );
  }

  async #farewell(): Promise<void> {
    const { client, leaving } = this.#options;
    if (await leaving()) await writeConfigurations(client, await readConfigurations(client), NOTHING);
  }

  /** One round; gives the milliseconds after which the next one has something to do, at the latest, and whether it wrote. */
  async #round(signal: AbortSignal): Promise<{ readonly pause: number; readonly wrote: boolean }> {
    const { store, client, manage, leaving } = this.#options;
    if (!manage) return await this.#watchOver();
    // In this order: whoever renewed the Secret after we read it also wrote a configuration that is newer than ours, so
    // that our write conflicts and no bundle ever goes back.
    const live = await this.#read();
    if (await leaving()) {
      this.#complete = false;
      const written = await writeConfigurations(client, live, NOTHING);
      this.#tell({ stays: "leaving" }, written);
      return { pause: Infinity, wrote: differs(live, written) };
    }
    const material = await store.sync();
    return await this.#manage(live, material, signal);
  }

  /** Someone else writes the configurations: what they hold is looked at, and nothing of it decides whether we serve. */
  async #watchOver(): Promise<{ readonly pause: number; readonly wrote: boolean }> {
    const material = await this.#options.store.sync();
    this.#serving.use(material);
    this.#installed.resolve();
    const live = await this.#read();
    const { probe } = this.#entries(material, live);
    if (live.validating?.webhooks?.some(({ name }) => name === probe.name) === true) await this.#reach.look();
    this.#tell({ authority: material.authority.cert }, live);
    return { pause: this.#reach.unsettled() ? UNREACHED_MS : Infinity, wrote: false };
  }

  /** Rejects where they cannot be read; where the API server does not let us, policies say that nobody knows. */
  async #read(): Promise<LiveConfigurations> {
    try {
      return await readConfigurations(this.#options.client);
    } catch (error) {
      if (error instanceof KubeError && error.status === 403) {
        this.#tell({ stays: "unseen", why: error.told }, { validating: undefined, mutating: undefined });
        // What may be there already is to be answered.
        this.#serving.use(await this.#options.store.sync());
      }
      throw error;
    }
  }

  async #manage(
    live: LiveConfigurations,
    material: Material,
    signal: AbortSignal,
  ): Promise<{ readonly pause: number; readonly wrote: boolean }> {
    const { serves } = this.#options;
    const entries = this.#entries(material, live);
    const { probe } = entries;
    const why = suspension(live.validating);
    const guarded = guards(live.validating, probe.name);
    // Nobody calls us: it can be served before it is trusted, and must be, to be reached.
    if (!guarded) this.#serving.use(material);
    if (why !== undefined) {
      const written = await this.#write(live, NOTHING, material);
      this.#complete = false;
      this.#tell({ stays: "suspended", why }, written);
      this.#installed.resolve();
      return { pause: Infinity, wrote: differs(live, written) };
    }
    if (!guarded && !serves()) {
      this.#tell({ stays: "starting" }, live);
      return { pause: Infinity, wrote: false };
    }
    if (!guarded && !this.#reach.lately()) {
      const seen = await this.#write(live, { validating: [probe], mutating: undefined }, material);
      const answer = await this.#reach.learn(signal);
      if (answer.status !== "reached") {
        this.#tell({ stays: "unreached", answer, authority: material.authority.cert }, seen);
        // Without its definition there is no policy either, and nobody waits for one.
        if (answer.status === "unknown") this.#installed.resolve();
        return { pause: UNREACHED_MS, wrote: false };
      }
      return await this.#install(seen, entries, material);
    }
    return await this.#install(live, entries, material);
  }

  async #install(
    live: LiveConfigurations,
    { guard, probe, pinning }: Entries,
    material: Material,
  ): Promise<{ readonly pause: number; readonly wrote: boolean }> {
    const { pins, logger } = this.#options;
    const pinned = pins();
    const found = this.#complete ? weaknesses(live.validating, guard, this.#serving.trusted(), true) : [];
    const mutating = pinned === undefined ? undefined : pinned ? pinning : [];
    const written = await this.#write(live, { validating: [...guard, probe], mutating }, material);
    const wrote = differs(live, written);
    if (found.length > 0)
      logger.warn("the webhook configuration was changed by someone else and is put right", {
        found: found.map(({ message }) => message).join("; "),
      });
    const authority = material.authority.cert;
    for (const { clientConfig } of written.validating?.webhooks?.filter(({ name }) => name === probe.name) ?? [])
      if (!trusts(clientConfig.caBundle, authority))
        throw new Error("the configurations do not hold the webhook's authority");
    const wait = this.#serving.change(material);
    if (wait === 0) this.#installed.resolve();
    const pause = wait === 0 ? Infinity : wait;
    this.#complete = true;
    await this.#reach.look();
    this.#tell({ authority }, written);
    return { pause: this.#reach.unsettled() ? Math.min(pause, UNREACHED_MS) : pause, wrote };
  }

  async #write(live: LiveConfigurations, wanted: WantedEntries, material: Material): Promise<LiveConfigurations> {
    try {
      return await writeConfigurations(this.#options.client, live, wanted);
    } catch (error) {
      if (error instanceof KubeError && error.code === "status") {
        // We have no right to write it, most often: without a certificate the probes of this replica would fail for nothing.
        this.#serving.use(material);
        this.#installed.resolve();
        await this.#reach.look();
        const now = await readConfigurations(this.#options.client);
        this.#tell({ authority: material.authority.cert, refused: error.told }, now);
      }
      throw error;
    }
  }

  #entries({ bundle }: Material, { validating, mutating }: LiveConfigurations): Entries {
    const live = [...(validating?.webhooks ?? []), ...(mutating?.webhooks ?? [])].filter(isOwnEntry);
    // Nearly always one for all.
    const bundles = new Set(live.map(({ clientConfig }) => clientConfig.caBundle));
    const others = this.#others.beside(bundle, [...bundles].flatMap(certificatesIn));
    const options = { ...this.#options, caBundle: [...bundle, ...others].join("") };
    return { guard: guardEntries(options), probe: probeEntry(options), pinning: pinningEntries(options) };
  }

  #tell(seen: Parameters<typeof judgeGuard>[0]["seen"], live: LiveConfigurations): void {
    const { manage, pins, onGuard } = this.#options;
    const options = { ...this.#options, caBundle: "" };
    onGuard(
      judgeGuard({
        seen,
        live,
        guard: guardEntries(options),
        pinning: pins() === true ? pinningEntries(options) : [],
        manage,
        trouble: this.#reach.trouble(),
        proven: this.#reach.lately(),
      }),
    );
  }
}

interface Entries {
  readonly guard: ReturnType<typeof guardEntries>;
  readonly probe: ReturnType<typeof probeEntry>;
  readonly pinning: ReturnType<typeof pinningEntries>;
}

const differs = (one: LiveConfigurations, other: LiveConfigurations): boolean =>
  one.validating !== other.validating || one.mutating !== other.mutating;

const NOTHING: WantedEntries = { validating: [], mutating: [] };
