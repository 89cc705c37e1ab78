import assert from "node:assert/strict";
import * as fc from "fast-check";
import { parseChallenges } from "../../../../evidence/registry/auth/challenge.ts";

describe("WWW-Authenticate", () => {
  const table: readonly (readonly [header: string | undefined, expected: readonly object[]])[] = [
    [undefined, []],
    ["", []],
    ['Basic realm="x"', [{ scheme: "basic" }]],
    ["Basic", [{ scheme: "basic" }]],
    ['bearer realm="https://a/token"', [{ scheme: "bearer", realm: "https://a/token" }]],
    [
      'Bearer realm="https://a/token",service="registry",scope="repository:x:pull,push",error="invalid_token"',
      [{ scheme: "bearer", realm: "https://a/token", service: "registry", scope: "repository:x:pull,push" }],
    ],
    ["Bearer realm=https://a/token , service=x", [{ scheme: "bearer", realm: "https://a/token", service: "x" }]],
    [
      'Bearer realm="https://a/token", Basic realm="b"',
      [{ scheme: "bearer", realm: "https://a/token" }, { scheme: "basic" }],
    ],
    [
      'Basic realm="b", Bearer realm="https://a/token"',
      [{ scheme: "basic" }, { scheme: "bearer", realm: "https://a/token" }],
    ],
    [String.raw`Bearer realm="a\"b"`, [{ scheme: "bearer", realm: 'a"b' }]],
    ['Bearer service="no realm"', []],
    ['Digest realm="x", nonce="y"', []],
    ['Negotiate, Bearer realm="r"', [{ scheme: "bearer", realm: "r" }]],
    [`Bearer realm="${"x".repeat(5000)}"`, []],
    ["((((", []],
  ];
  for (const [header, expected] of table) {
    it(String(header).slice(0, 70), () => assert.deepEqual(parseChallenges(header), expected));
  }

  it("never throws, whatever a registry sends", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => Array.isArray(parseChallenges(`Bearer ${text}`))));
  });
});
