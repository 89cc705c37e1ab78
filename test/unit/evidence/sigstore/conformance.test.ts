import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { proveByCertificate } from "../../../../evidence/sigstore/verify/proveByCertificate.ts";
import { proveByKey } from "../../../../evidence/sigstore/verify/proveByKey.ts";
import { readBundle } from "../../../../evidence/sigstore/verify/parseSignatures.ts";
import { trustMaterialOf } from "../../../../evidence/sigstore/verify/trustMaterial.ts";
import { embeddedRoot } from "../../../../evidence/trust/embeddedRoot.ts";
import { compileIdentity } from "../../../../policy/compile/authorities/identities.ts";
import { parsePublicKeys } from "../../../../policy/compile/authorities/publicKeys.ts";
import { checkTrustRoot } from "../../../../policy/compile/authorities/trustRoot.ts";

/** A checkout of github.com/sigstore/sigstore-conformance; see test/fixtures/README.md. */
const checkout = process.env["SIGSTORE_CONFORMANCE"] ?? "";
const assets = join(checkout, "test/assets/bundle-verify");

/** Names that end in `_fail` must not be proved, all others must (bundle-verify/README.md). */
const proved = (directory: string): boolean => {
  const read = (file: string): Buffer | undefined =>
    existsSync(join(directory, file)) ? readFileSync(join(directory, file)) : undefined;
  try {
    const artifact = read("artifact") ?? readFileSync(join(assets, "a.txt"));
    const signed = readBundle(read("bundle.sigstore.json") ?? Buffer.alloc(0), artifact);
    const material = trustMaterialOf(read("trusted_root.json")?.toString() ?? embeddedRoot());
    const circumstances = { sct: "Required", transparencyLog: "Required", material, misfit: undefined } as const;
    const key = read("key.pub")?.toString();
    if (key !== undefined) {
      const parsed = parsePublicKeys(key);
      return (
        parsed.status === "ok" &&
        proveByKey(
          signed,
          parsed.keys.map((one) => one.key),
          circumstances,
        ).status === "proved"
      );
    }
    // Any identity, so that what must fail fails for its own reason.
    const identity = compileIdentity({ issuerRegExp: ".*", subjectRegExp: ".*" }, "");
    assert.equal(identity.status, "ok");
    return (
      identity.status === "ok" && proveByCertificate(signed, [identity.identity], circumstances).status === "proved"
    );
  } catch {
    return false;
  }
};

describe("bundles of sigstore-conformance", () => {
  if (!existsSync(assets)) {
    it("are verified as the suite demands (skipped: SIGSTORE_CONFORMANCE names no checkout)");
    return;
  }
  const cases = readdirSync(assets).filter((name) => existsSync(join(assets, name, "bundle.sigstore.json")));
  it("are there", () => assert.ok(cases.length >= 70));
  for (const name of cases)
    it(`are verified as the suite demands: ${name}`, () => {
      assert.equal(proved(join(assets, name)), !name.endsWith("_fail"));
    });
});

describe("the public good trust root", () => {
  it("is there without any network, with all that keyless signatures need", () => {
    const needs = {
      certificateAuthorities: true,
      certificateLogs: true,
      transparencyLogs: true,
      timestampAuthorities: true,
    };
    assert.equal(checkTrustRoot(embeddedRoot(), needs), undefined);
    const { certificateAuthorities, tlogs, ctlogs, timestampAuthorities } = trustMaterialOf(embeddedRoot());
    assert.ok(
      certificateAuthorities.length > 0 && tlogs.length > 0 && ctlogs.length > 0 && timestampAuthorities.length > 0,
    );
  });
});
