// The decorators that @peculiar/x509 is built on need it first.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import assert from "node:assert/strict";
import { createNotationEvidence } from "../../evidence/notation/notationEvidence.ts";
import { KeptLists } from "../../evidence/notation/revocation/keptLists.ts";
import { createRevocations } from "../../evidence/notation/revocation/revocations.ts";
import { createNotationVerifier } from "../../evidence/notation/verify/notationVerifier.ts";
import type { FactProvider } from "../../evidence/provider.ts";
import {
  makeLeaf,
  makeRoot,
  makeTimestamper,
  NOW,
  pemOf,
  type Identity,
} from "../unit/evidence/notation/support/pki.ts";
import { makeAnswer, makeList, makeToken } from "../unit/evidence/notation/support/signing.ts";
import { byNotation, Places, said, SignedImage } from "../unit/evidence/notation/support/underTest.ts";
import { compile, signedBy, silent } from "../unit/evidence/sigstore/underTest.ts";

const OCSP = "http://ocsp.company.com/";
const CRL = "http://crl.company.com/a.crl";
const DELTA = "http://crl.company.com/changes.crl";

/** What may become of an await. */
const FAULTS = ["unavailable", "absent", "invalid", "rejects", "throws", "hangs"] as const;
type Fault = (typeof FAULTS)[number];

/** Counts every await on something outside, and lets one of them fail. */
class Saboteur {
  count = 0;
  readonly at: number;
  readonly fault: Fault | undefined;

  constructor(at = -1, fault?: Fault) {
    this.at = at;
    this.fault = fault;
  }

  /** A call whose result may be replaced; `failed` gives what this call says of a fault. */
  wrap<A extends readonly unknown[], T>(
    call: (...args: A) => T | Promise<T>,
    failed: (fault: Fault) => T,
  ): (...args: A) => Promise<T> {
    return (...args) => {
      this.count += 1;
      if (this.count !== this.at || this.fault === undefined) return Promise.resolve(call(...args));
      switch (this.fault) {
        case "rejects":
          return Promise.reject(new Error("a defect"));
        case "throws":
          throw new Error("a defect");
        case "hangs":
          return new Promise(() => undefined);
        case "unavailable":
        case "absent":
        case "invalid":
          return Promise.resolve(failed(this.fault));
      }
    };
  }
}

const failure = (fault: Fault): never =>
  (fault === "absent"
    ? { status: "absent", message: "is not there" }
    : fault === "invalid"
      ? { status: "invalid", reason: "ImageMalformed", message: "is broken" }
      : { status: "unavailable", cause: "network", message: "is down" }) as never;

describe("a fault at every await", () => {
  let root: Identity;
  let signer: Identity;
  let tsaRoot: Identity;
  let tsa: Identity;
  before(async () => {
    root = await makeRoot();
    const more = [
      new x509.AuthorityInfoAccessExtension({ ocsp: [OCSP] }),
      new x509.CRLDistributionPointsExtension([CRL]),
    ];
    signer = await makeLeaf(root, { more });
    tsaRoot = await makeRoot({ name: [{ CN: ["timestamp root"] }] });
    tsa = await makeTimestamper(tsaRoot);
  });

  /** An image that must not pass: its signer was revoked, as responder and list say, or the list, or its changes alone. */
  const run = async (
    saboteur: Saboteur,
    revokedBy: "responder" | "list" | "changes",
  ): Promise<readonly string[] | "rejected"> => {
    const image = new SignedImage();
    image.sign(signer, { timestamp: (signature) => makeToken(tsa, signature) });
    image.sign(signer, { format: "cose", timestamp: (signature) => makeToken(tsa, signature) });
    const { repository } = image;
    const sabotaged = {
      manifest: saboteur.wrap(repository.manifest, failure),
      blob: saboteur.wrap(repository.blob, failure),
      manifestByTag: saboteur.wrap(repository.manifestByTag, failure),
      referrers: async function* (digest: string, signal: AbortSignal) {
        const pages = repository.referrers(digest, signal);
        for (;;) {
          const next = await saboteur.wrap(
            () => pages.next(),
            (fault) => ({ done: false, value: failure(fault) }),
          )();
          if (next.done === true) return;
          yield next.value;
        }
      },
    };
    const places = new Places();
    places.serve(OCSP, () =>
      revokedBy === "responder" ? makeAnswer(signer, root, { status: "revoked" }) : Buffer.from("junk"),
    );
    places.serve(CRL, () =>
      makeList(root, { freshest: DELTA, entries: revokedBy === "changes" ? [] : [{ of: signer }] }),
    );
    places.serve(DELTA, () =>
      makeList(root, { number: 2, deltaOf: 1, entries: revokedBy === "changes" ? [{ of: signer }] : [] }),
    );
    const fetcher = {
      close: places.close,
      fetch: saboteur.wrap(places.fetch, () => ({ status: "failed", cause: "network", lasting: false }) as const),
    };
    const inPlace = createNotationVerifier({ workers: 0 });
    const unexamined = (fault: Fault): never =>
      (fault === "unavailable"
        ? { status: "unavailable", cause: "timeout" }
        : { status: "malformed", message: "is broken" }) as never;
    const examiner = {
      ...inPlace,
      examine: saboteur.wrap(inPlace.examine, unexamined),
      readList: saboteur.wrap(inPlace.readList, unexamined),
    };
    const clock = (): number => NOW;
    const provider: FactProvider = createNotationEvidence({
      examiner,
      revocations: createRevocations({
        fetcher,
        examiner,
        lists: new KeptLists(fetcher, clock),
        aws: { check: () => Promise.resolve({ status: "good" }) },
        metrics: silent,
        clock,
      }),
      metrics: silent,
      clock,
    });
    const policy = compile(signedBy(byNotation([root], { timestampCertificates: { pem: pemOf(tsaRoot) } })));
    const controller = new AbortController();
    const expire = setTimeout(() => controller.abort(), 40);
    try {
      const context = image.context([policy], { signal: controller.signal });
      const facts = await provider.gather({
        ...context,
        repository: Object.assign(Object.create(repository) as typeof repository, sabotaged),
        manifest: () => sabotaged.manifest(image.target.digest, controller.signal),
      });
      return said(policy, facts);
    } catch {
      // The review takes it for a defect, which nothing settles.
      return "rejected";
    } finally {
      clearTimeout(expire);
    }
  };

  for (const revokedBy of ["responder", "list", "changes"] as const)
    it(`never lets an image pass whose signer was revoked: by ${revokedBy}`, async () => {
      const counting = new Saboteur();
      assert.match(String(await run(counting, revokedBy)), /^SignatureUntrusted: .*was revoked/);
      assert.ok(counting.count >= 9, `${counting.count} awaits`);
      for (let at = 1; at <= counting.count; at += 1)
        for (const fault of FAULTS) {
          const found = await run(new Saboteur(at, fault), revokedBy);
          assert.ok(found === "rejected" || found.length > 0, `await ${at} ${fault}`);
        }
    }).timeout(60_000);
});
