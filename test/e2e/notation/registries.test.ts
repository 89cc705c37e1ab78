import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createReview } from "../../../engine/review.ts";
import { SILENT } from "../../../kube/log.ts";
import { startEvidence } from "../../../operator/evidence.ts";
import { readSettings } from "../../../operator/settings/settings.ts";
import { compilePolicy } from "../../../policy/compile/policy.ts";
import { subjectOf } from "../../../policy/subject/subjectOf.ts";
import { makeImage } from "../../../sandbox/registry/images.ts";
import { push } from "../../../sandbox/registry/push.ts";
import { startRegistry } from "../../../sandbox/registry/server.ts";
import {
  chainPem,
  keyPem,
  makeAuthority,
  makeLeaf,
  makeRoot,
  makeTimestamper,
  pemOf,
  type Identity,
  type IssueOptions,
  type KeyKind,
} from "../../unit/evidence/notation/support/pki.ts";
import { silent } from "../../unit/evidence/sigstore/underTest.ts";
import { findDebianRegistry, startDebianRegistry } from "../registry/debianRegistry.ts";
import { run } from "../registry-tools/tools.ts";
import { startTimestampServer } from "./timestampServer.ts";

/** What `NOTATION` names, or what PATH has (Debian sid's package notation). */
const program = process.env["NOTATION"] ?? "notation";
const DAY = 86_400_000;

interface Place extends AsyncDisposable {
  readonly host: string;
  readonly url: string;
}

/** Registries with the API of referrers, and without. */
const PLACES: Readonly<Record<string, () => Promise<Place | undefined>>> = {
  "the sandbox's registry": () => startRegistry(),
  "Debian's docker-registry": async () => {
    const found = await findDebianRegistry();
    return found === undefined ? undefined : startDebianRegistry(found);
  },
};

describe("real notation in registries", function () {
  this.timeout(120_000);
  let directory: string;
  let root: Identity;
  let tsaRoot: Identity;
  let tsa: Identity;
  const valid: IssueOptions = { notBefore: new Date(Date.now() - DAY), notAfter: new Date(Date.now() + DAY) };
  before(async function () {
    const version = await run(program, ["version"]).catch(() => undefined);
    if (version?.code !== 0) {
      console.log("      skipped: notation is not installed (Debian sid's package notation, or NOTATION)");
      this.skip();
    }
    directory = await mkdtemp(join(tmpdir(), "notation-registries-"));
    root = await makeRoot(valid);
    tsaRoot = await makeRoot({ ...valid, name: [{ O: ["company.com"] }, { CN: ["timestamp root"] }] });
    tsa = await makeTimestamper(tsaRoot, { ...valid, kind: "RSA-2048" });
  });
  after(async () => {
    if (directory !== undefined) await rm(directory, { recursive: true });
  });

  /** notation with a key of its own. */
  const notationOf = async (signer: Identity): Promise<(...args: string[]) => Promise<void>> => {
    const home = await mkdtemp(join(directory, "home-"));
    await mkdir(join(home, "notation"));
    const [keyPath, certPath] = [join(home, "key.pem"), join(home, "chain.pem")];
    await writeFile(keyPath, keyPem(signer));
    await writeFile(certPath, chainPem(signer));
    await writeFile(
      join(home, "notation", "signingkeys.json"),
      JSON.stringify({ default: "k", keys: [{ name: "k", keyPath, certPath }] }),
    );
    return async (...args) => {
      const { code, stderr } = await run(program, args, {
        env: { PATH: process.env["PATH"], HOME: home, XDG_CONFIG_HOME: home },
      });
      assert.equal(code, 0, stderr);
    };
  };

  for (const [name, start] of Object.entries(PLACES))
    it(`${name}: JWS and COSE, every kind of key, with and without a timestamp`, async function () {
      await using place = await start();
      if (place === undefined) {
        console.log("      skipped: docker-registry is not installed (apt-get install docker-registry)");
        this.skip();
        return;
      }
      await using stamps = await startTimestampServer(tsaRoot, tsa);
      const read = readSettings(["--registry-plain-http=127.0.0.1", "--allow-address=127.0.0.0/8"], {});
      assert.ok(read.status === "ok");
      const evidence = startEvidence({
        settings: { ...read.settings, proofs: { ...read.settings.proofs, workers: 0 } },
        cluster: { readSecret: async () => undefined, readServiceAccount: async () => undefined },
        reports: () => [],
        serviceRanges: () => [],
        runs: () => false,
        metrics: silent,
        log: SILENT,
        now: Date.now,
      });
      const review = createReview(evidence.gather);
      const judge = async (reference: string, notation: object): Promise<string> => {
        const policy = compilePolicy(
          {
            apiVersion: "imagesecurity.dev/v1",
            kind: "ImageSecurityPolicy",
            metadata: { name: "p" },
            spec: {
              authorities: [
                {
                  name: "notary",
                  notation: {
                    certificates: { pem: pemOf(root) },
                    identities: ["x509.subject: C=US, ST=WA, O=company.com"],
                    ...notation,
                  },
                },
              ],
              signatures: { authorities: ["notary"] },
            },
          },
          () => ({ status: "missing", message: "is not there" }),
        );
        assert.deepEqual(policy.faults, []);
        const subject = subjectOf(
          { metadata: {}, spec: { containers: [{ name: "app", image: reference }] } },
          { kind: "Pod", namespace: "default", namespaceLabels: {} },
        );
        const { findings } = await review({
          policies: [policy],
          subject,
          mode: "admission",
          signal: AbortSignal.timeout(9_000),
          now: Date.now(),
          dryRun: false,
        });
        return findings.map(({ message }) => message).join("\n");
      };
      const stamped = { timestampCertificates: { pem: pemOf(tsaRoot) } };
      const kinds: readonly KeyKind[] = ["P-256", "P-384", "P-521", "RSA-2048", "RSA-3072", "RSA-4096"];
      let nth = 0;
      try {
        for (const kind of kinds) {
          const notation = await notationOf(await makeLeaf(await makeAuthority(root, valid), { ...valid, kind }));
          for (const format of ["jws", "cose"]) {
            const timestamp = kind === "P-256" || kind === "RSA-2048";
            const image = makeImage({ labels: { nth: String((nth += 1)) } });
            await push(place.url, "team/app", image);
            const reference: string = `${place.host}/team/app@${image.digest}`;
            assert.match(await judge(reference, {}), /SignatureMissing/);
            await notation(
              "sign",
              "--insecure-registry",
              `--force-referrers-tag=${String(nth % 2 === 0)}`,
              "--signature-format",
              format,
              ...(timestamp ? ["--timestamp-url", stamps.url, "--timestamp-root-cert", stamps.rootFile] : []),
              reference,
            );
            // That there was nothing is kept for a moment, and the registry's list for two seconds.
            await new Promise((resolve) => setTimeout(resolve, 2_500));
            assert.equal(await judge(reference, timestamp ? stamped : {}), "", `${kind} ${format}`);
            if (!timestamp) assert.match(await judge(reference, stamped), /SignatureUntrusted: .*has no timestamp/);
            assert.match(
              await judge(reference, { identities: ["x509.subject: C=US, ST=WA, O=other.com"] }),
              /SignatureUntrusted: .*was made by C=US/,
            );
          }
        }
      } finally {
        await evidence.close();
      }
    });
});
