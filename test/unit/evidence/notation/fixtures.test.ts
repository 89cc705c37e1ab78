import assert from "node:assert/strict";
import { formatOfFixture, inWords, readFixture, signerOfFixture, verdictOf } from "./support/verifying.ts";

const KEYS = ["p-256", "p-384", "p-521", "rsa-2048", "rsa-3072", "rsa-4096"];

/** Soon after the fixtures were made, and long after; they say themselves when that was. */
const LATER = Date.parse("2040-01-01T00:00:00Z");

describe("signatures that real notation made", () => {
  for (const format of ["jws", "cose"]) {
    const verify = (name: string, { image = true, later = true } = {}): string => {
      const fixture = readFixture(`${format}-${name}`);
      const envelope = Buffer.from(fixture.blobs[0] ?? "", "base64");
      const target = image ? fixture.image : { ...fixture.image, digest: `sha256:${"0".repeat(64)}` };
      return inWords(
        verdictOf(envelope, signerOfFixture(fixture), {
          format: formatOfFixture(format),
          image: target,
          now: later ? LATER : Date.now(),
        }),
      );
    };

    for (const key of KEYS)
      it(`${format}: prove a signer with ${key}, and not for another image`, () => {
        assert.equal(verify(key), "proved");
        assert.equal(verify(key, { image: false }), "Invalid: is of another image");
      });
    for (const name of ["timestamp", "metadata", "fallback", "index", "other-image"])
      it(`${format}: prove ${name}`, () => {
        assert.equal(verify(name), "proved");
      });
    it(`${format}: count with a certificate that has expired since only by a timestamp`, () => {
      assert.equal(verify("expired-certificate-timestamp"), "proved");
      assert.match(verify("expired-certificate"), /^Untrusted: has a certificate that has expired/);
    });
    it(`${format}: do not count after their expiry`, () => {
      assert.match(verify("expiry"), /^Untrusted: expired at /);
    });
  }
});
