import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readClientCertificate } from "../../../../webhook/callers/clientCertificate.ts";
import { clientAuthority, clientOf } from "./clients.ts";

describe("a client certificate", () => {
  it("is parsed once, however many connections show it, and each for itself", async () => {
    const authority = await clientAuthority("CN=authority");
    const pems = await Promise.all(["CN=one", "CN=other"].map((subject) => clientOf(authority, { subject })));
    let parsed = 0;
    const shown = (pem: string): X509Certificate => {
      const certificate = new X509Certificate(pem);
      const { raw } = certificate;
      return Object.defineProperty(certificate, "raw", {
        get: () => {
          parsed += 1;
          return raw;
        },
      });
    };
    for (let connection = 0; connection < 3; connection += 1)
      assert.deepEqual(
        pems.map(({ cert }) => readClientCertificate(shown(cert))?.names),
        [["one"], ["other"]],
      );
    assert.equal(parsed, 2);
  });
});
