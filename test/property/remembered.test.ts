import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { PolicySpec } from "../../crds/types.ts";
import { RecentlyClean } from "../../engine/recentlyClean.ts";
import { createReview, type Review } from "../../engine/review.ts";
import { createScanProvider } from "../../evidence/scan/scanProvider.ts";
import { readScansHere } from "../../evidence/scan/formats/readScans.ts";
import type { StoredReport } from "../../evidence/scan/formats/vulnerabilityReport.ts";
import { status } from "../../sandbox/registry/misbehaviour/wrongAnswers.ts";
import { addToStore } from "../../sandbox/registry/push.ts";
import { startRegistry, type SandboxRegistry } from "../../sandbox/registry/server.ts";
import {
  annotatedImage,
  at,
  attach,
  attestScan,
  BAD,
  bundle,
  ci,
  PROVENANCE,
  signature,
} from "../security/support/attestedImage.ts";
import { cluster, engine, pod, policy } from "../unit/evidence/registry/support/judging.ts";
import { publicPem } from "../unit/evidence/sigstore/sigstoreInstance.ts";
import { byKey, evidenceUnderTest } from "../unit/evidence/sigstore/underTest.ts";

const MINUTE = 60_000;
const NAMESPACES = ["team", "other"];
const authorities = [byKey(publicPem(ci), { name: "ci" }), byKey(publicPem(ci), { name: "other" })];
const annotated: PolicySpec["scan"] = {
  sources: [{ imageAnnotation: {} }],
  maxVulnerabilities: { critical: 0 },
  allowCVEs: [{ id: BAD.id, reason: "for five minutes", expires: at(5 / 24 / 60) }],
};
/** What each rule asks for, and what the clock alone ends in five minutes. */
const specs: Readonly<Record<string, PolicySpec>> = {
  verified: { digest: { verify: true } },
  signed: { authorities, signatures: { authorities: ["ci", "other"], count: 1 } },
  annotated: { scan: annotated },
  aged: { scan: { ...annotated, allowCVEs: [{ id: BAD.id, reason: "for ever" }], maxAge: "72h5m" } },
  attestedScan: {
    authorities,
    scan: { sources: [{ attestation: { authorities: ["ci"] } }], maxVulnerabilities: { critical: 0 } },
  },
  attestedOrAnnotated: {
    authorities,
    scan: { ...annotated, sources: [{ attestation: { authorities: ["ci"] } }, { imageAnnotation: {} }] },
  },
  provenance: {
    authorities,
    attestations: [{ predicateType: PROVENANCE, authorities: ["ci"], maxAge: "24h5m" }],
  },
  reported: { scan: { sources: [{ vulnerabilityReport: {} }], maxVulnerabilities: { critical: 0 } } },
  lenient: { digest: { verify: true }, onUnavailable: "allow" },
};
const compiled = Object.entries(specs).map(([name, spec]) => policy(spec, name));
const sets = [...compiled.map((one) => [one]), compiled.slice(0, 3), compiled];

const image = annotatedImage([BAD]);
const pieces = {
  signature: await signature(image),
  "clean scan": await attestScan(image, [], -2),
  "bad scan": await attestScan(image, [BAD], -1),
  provenance: attach(
    image,
    PROVENANCE,
    await bundle(image, PROVENANCE, { runDetails: { metadata: { finishedOn: at(-1) } } }),
  ),
};
type Piece = keyof typeof pieces;
const PIECES = Object.keys(pieces) as Piece[];

type Change = Piece | "image" | "refusal" | "nonsense" | "password" | "report" | "nothing";

interface Step {
  readonly change: Change;
  readonly later: number;
  /** Each has answers of its own, made from the same evidence. */
  readonly namespace: string;
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record<Step>({
    change: fc.constantFrom<Change>(
      ...PIECES,
      "image",
      "refusal",
      "nonsense",
      "password",
      "report",
      "nothing",
      "nothing",
      "nothing",
    ),
    later: fc.constantFrom(
      0,
      1,
      499,
      9_999,
      10_000,
      19_999,
      20_000,
      5 * MINUTE,
      5 * MINUTE + 1,
      10 * MINUTE - 1,
      10 * MINUTE,
    ),
    namespace: fc.constantFrom(...NAMESPACES),
  }),
  { minLength: 4, maxLength: 14 },
);

/** What was read for one namespace is half of its time old when another asks, and is gone when the whole of it is over. */
const HALF_WAY: readonly Step[] = [
  { change: "nothing", later: 0, namespace: "team" },
  { change: "nothing", later: 4 * MINUTE, namespace: "other" },
  { change: "image", later: 5 * MINUTE, namespace: "other" },
  { change: "signature", later: MINUTE, namespace: "other" },
];

/** A registry with one image, and all about it that somebody can change. */
class World {
  readonly registry: SandboxRegistry;
  readonly secrets: Record<string, Record<string, readonly [user: string, password: string]>> = {};
  readonly #there = new Set<string>();
  readonly #wrongs = new Map<string, () => void>();
  #bad = false;

  constructor(registry: SandboxRegistry) {
    this.registry = registry;
    this.#password("right");
    for (const piece of ["image", "signature", "clean scan", "provenance"] as const) this.change(piece);
  }

  change(what: Change): void {
    switch (what) {
      case "nothing":
        return;
      case "report":
        this.#bad = !this.#bad;
        return;
      case "password":
        return this.#password(this.secrets["team/pull"]?.[this.registry.host]?.[1] === "right" ? "wrong" : "right");
      case "refusal":
      case "nonsense":
        return this.#misbehave(what, what === "refusal" ? 403 : 400);
      case "image":
      case "signature":
      case "clean scan":
      case "bad scan":
      case "provenance":
        return this.#pushOrDelete(what);
    }
  }

  reports = (digest: string): readonly StoredReport[] =>
    digest === image.digest
      ? [
          {
            namespace: "team",
            digest,
            content: { status: "ok", report: { scanner: "t", vulnerabilities: this.#found } },
          },
        ]
      : [];

  get #found(): readonly { id: string; severity: "critical"; package: string; installedVersion: string }[] {
    return this.#bad ? [{ id: BAD.id, severity: "critical", package: "p", installedVersion: "1" }] : [];
  }

  #password(password: string): void {
    for (const namespace of NAMESPACES)
      this.secrets[`${namespace}/pull`] = { [this.registry.host]: ["team", password] };
  }

  #misbehave(what: string, code: number): void {
    const end = this.#wrongs.get(what);
    if (end === undefined) this.#wrongs.set(what, this.registry.misbehave({ as: status(code) }));
    else end();
    if (end !== undefined) this.#wrongs.delete(what);
  }

  #pushOrDelete(what: Piece | "image"): void {
    const one = what === "image" ? image : pieces[what];
    if (this.#there.delete(what)) this.registry.store.deleteManifest("team/app", one.digest);
    else {
      this.#there.add(what);
      addToStore(this.registry.store, "team/app", one);
    }
  }
}

const auth = { type: "basic", users: { team: { password: "right", pull: ["team/*"] } } } as const;

/** The whole engine over this world, with a clock of its own; `remembering` with what stands by its evidence alone. */
const judging = (world: World, pullSecrets: boolean, remembering: boolean) => {
  const clock = { now: 1_700_000_000_000 };
  const signatures = evidenceUnderTest(clock);
  const scans = createScanProvider({
    prove: signatures.proveAttestations,
    reports: world.reports,
    runs: () => false,
    read: readScansHere,
  });
  const one = engine(
    { readPullSecrets: pullSecrets },
    {
      providers: [signatures.provider, scans],
      cluster: cluster(world.secrets, { "team/default": ["pull"], "other/default": ["pull"] }),
    },
  );
  const counted = { gathered: 0 };
  const review: Review = createReview(
    (request) => {
      counted.gathered += 1;
      return one.evidence.gather(request);
    },
    (error) => assert.fail(String(error)),
    remembering ? new RecentlyClean(0) : undefined,
  );
  // Each has labels of its own, which tell one namespace from another.
  const subjects = new Map(
    NAMESPACES.map((namespace) => [namespace, pod(`${world.registry.host}/team/app@${image.digest}`, { namespace })]),
  );
  return {
    counted,
    tick: (milliseconds: number) => {
      clock.now += milliseconds;
      one.tick(milliseconds);
    },
    say: async (set: number, namespace: string): Promise<readonly string[]> => {
      const { verdict, findings } = await review({
        policies: sets[set] ?? [],
        subject: subjects.get(namespace) ?? assert.fail(),
        mode: "admission",
        signal: AbortSignal.timeout(9_000),
        now: clock.now,
        dryRun: false,
      });
      return [verdict, ...findings.map(({ policy: name, reason }) => `${name} ${reason}`)];
    },
    [Symbol.asyncDispose]: one[Symbol.asyncDispose],
  };
};

describe("clean answers that are remembered", () => {
  it("are what evidence says that is looked at each time, whatever is changed meanwhile, at every bound", async function () {
    this.timeout(120_000);
    const gathered = { remembering: 0, always: 0, clean: 0 };
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...sets.keys()), fc.boolean(), steps, async (set, pullSecrets, history) => {
        await using registry = await startRegistry(pullSecrets ? { auth } : {});
        const world = new World(registry);
        await using remembering = judging(world, pullSecrets, true);
        await using always = judging(world, pullSecrets, false);
        for (const { change, later, namespace } of history) {
          world.change(change);
          for (const one of [remembering, always]) one.tick(later);
          // Twice: only who finds all of it at hand learns how long it stands.
          for (let time = 0; time < 2; time += 1) {
            const said = await always.say(set, namespace);
            assert.deepEqual(await remembering.say(set, namespace), said);
            if (said.join() === "allow") gathered.clean += 1;
          }
        }
        gathered.remembering += remembering.counted.gathered;
        gathered.always += always.counted.gathered;
      }),
      { numRuns: 60, examples: sets.map((_, set) => [set, false, HALF_WAY]) },
    );
    assert.ok(gathered.clean > 100, "some of it was clean");
    assert.ok(gathered.remembering < gathered.always, "some of it was remembered");
  });
});
