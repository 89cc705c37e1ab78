// The decorators that @peculiar/x509 is built on need it first.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deltaPlaces, readList, type ListResult } from "../../../../evidence/notation/revocation/crl.ts";
import { ocspRequest, readOcsp } from "../../../../evidence/notation/revocation/ocsp.ts";
import { readCertificate, type Certificate } from "../../../../evidence/notation/verify/certificate.ts";
import { der, extension, sequence, time } from "./support/der.ts";
import { derOf, makeLeaf, makeRoot, NOW, pemOf, type Identity, type IssueOptions } from "./support/pki.ts";
import { makeAnswer, makeList, points, REASONS, type AnswerOptions, type ListOptions } from "./support/signing.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const { keyCompromise, certificateHold, removeFromCRL } = REASONS;
const certificateOf = ({ certificate }: Identity): Certificate => readCertificate(derOf(certificate));

describe("lists of revoked certificates", () => {
  let root: Identity;
  let leaf: Identity;
  let other: Identity;
  before(async () => {
    root = await makeRoot();
    [leaf, other] = [await makeLeaf(root), await makeLeaf(root)];
  });
  const PLACE = "http://crl.company.com/a.crl";
  const answer = (base: Buffer, delta?: Buffer, issuer = root, isAuthority = false): ListResult =>
    readList({
      base,
      ...(delta === undefined ? {} : { delta }),
      issuer: derOf(issuer.certificate),
      serial: certificateOf(leaf).serial,
      places: [PLACE],
      isAuthority,
      now: NOW,
    });
  const words = (found: ListResult): string => (found.status === "malformed" ? found.message : found.status);
  const say = (options: ListOptions = {}, delta?: ListOptions): string =>
    words(answer(makeList(root, options), delta && makeList(root, { number: 2, deltaOf: 1, ...delta })));

  const rows: readonly (readonly [
    what: string,
    list: () => ListOptions,
    delta: (() => ListOptions) | undefined,
    words: string | RegExp,
  ])[] = [
    ["an empty list", () => ({}), undefined, "good"],
    ["another certificate", () => ({ entries: [{ of: other }] }), undefined, "good"],
    ["the certificate", () => ({ entries: [{ of: other }, { of: leaf }] }), undefined, "revoked"],
    [
      "the certificate, with a reason",
      () => ({ entries: [{ of: leaf, reason: keyCompromise }] }),
      undefined,
      "revoked",
    ],
    ["a hold", () => ({ entries: [{ of: leaf, reason: certificateHold }] }), undefined, "revoked"],
    ["the end of a hold", () => ({ entries: [{ of: leaf, reason: removeFromCRL }] }), undefined, "good"],
    [
      "a hold and its end",
      () => ({
        entries: [
          { of: leaf, reason: certificateHold, at: NOW - 2 * HOUR },
          { of: leaf, reason: removeFromCRL },
        ],
      }),
      undefined,
      "good",
    ],
    [
      "a hold after another's end",
      () => ({
        entries: [
          { of: leaf, reason: removeFromCRL, at: NOW - 2 * HOUR },
          { of: leaf, reason: certificateHold },
        ],
      }),
      undefined,
      "revoked",
    ],
    [
      "a hold, and what is for ever",
      () => ({
        entries: [
          { of: leaf, reason: removeFromCRL },
          { of: leaf, at: NOW - DAY },
        ],
      }),
      undefined,
      "revoked",
    ],
    [
      "an invalidity date after the signature",
      () => ({ entries: [{ of: leaf, extensions: [extension("2.5.29.24", time(NOW + DAY))] }] }),
      undefined,
      "revoked",
    ],
    [
      "an entry with an unknown critical extension",
      () => ({ entries: [{ of: leaf, extensions: [extension("2.5.29.29", sequence(), true)] }] }),
      undefined,
      /entry with a critical extension/,
    ],
    ["changes with the certificate", () => ({}), () => ({ entries: [{ of: leaf }] }), "revoked"],
    [
      "changes that end a hold",
      () => ({ entries: [{ of: leaf, reason: certificateHold, at: NOW - DAY }] }),
      () => ({ entries: [{ of: leaf, reason: removeFromCRL }] }),
      "good",
    ],
    [
      "changes that end a hold at its very time",
      () => ({ entries: [{ of: leaf, reason: certificateHold }] }),
      () => ({ entries: [{ of: leaf, reason: removeFromCRL }] }),
      "good",
    ],
    [
      "changes of a list to come",
      () => ({}),
      () => ({ number: 3, deltaOf: 2 }),
      /older than the one that its changes are of$/,
    ],
    [
      "changes older than the list",
      () => ({ number: 2 }),
      () => ({ number: 2, deltaOf: 1 }),
      /is newer than its changes$/,
    ],
    ["changes that have expired", () => ({}), () => ({ nextUpdate: NOW - 1 }), /^has expired$/],
    [
      "changes of another list",
      () => ({}),
      () => ({
        extensions: [extension("2.5.29.28", sequence(der(0xa0, der(0xa0, der(0x86, Buffer.from(PLACE))))), true)],
      }),
      /changes of another list$/,
    ],
    ["an end that is over", () => ({ nextUpdate: NOW - 1 }), undefined, /^has expired$/],
    ["no end", () => ({ nextUpdate: undefined }), undefined, /^does not say how long it holds$/],
    [
      "an unknown critical extension",
      () => ({ extensions: [extension("1.2.3.4", Buffer.from("0500", "hex"), true)] }),
      undefined,
      /critical extension that is not understood$/,
    ],
    [
      "the scope of this place",
      () => ({
        extensions: [extension("2.5.29.28", sequence(der(0xa0, der(0xa0, der(0x86, Buffer.from(PLACE))))), true)],
      }),
      undefined,
      "good",
    ],
    [
      "the scope of another place",
      () => ({
        extensions: [
          extension(
            "2.5.29.28",
            sequence(der(0xa0, der(0xa0, der(0x86, Buffer.from("http://crl.company.com/b.crl"))))),
            true,
          ),
        ],
      }),
      undefined,
      /^is of another distribution point$/,
    ],
    [
      "the scope of authorities",
      () => ({ extensions: [extension("2.5.29.28", sequence(der(0x82, Buffer.from([0xff]))), true)] }),
      undefined,
      /^is of another kind of certificates$/,
    ],
    [
      "the scope of users",
      () => ({ extensions: [extension("2.5.29.28", sequence(der(0x81, Buffer.from([0xff]))), true)] }),
      undefined,
      "good",
    ],
    ["changes alone", () => ({ deltaOf: 1 }), undefined, /^is a delta, and not a whole list$/],
  ];
  for (const [what, list, delta, expected] of rows)
    it(`read: ${what}`, () => {
      const said = say(list(), delta?.());
      if (typeof expected === "string") assert.equal(said, expected);
      else assert.match(said, expected);
    });
  it("the scope of users does not cover an authority", () => {
    const users = makeList(root, {
      extensions: [extension("2.5.29.28", sequence(der(0x81, Buffer.from([0xff]))), true)],
    });
    assert.equal(words(answer(users, undefined, root, true)), "is of another kind of certificates");
  });
  it("changes without a word of which list they are", () => {
    assert.match(words(answer(makeList(root), makeList(root, { number: 2 }))), /do not say of which list$/);
  });
  it("of another authority, of one with the same name, altered", async () => {
    const impostor = await makeRoot();
    assert.match(words(answer(makeList(impostor))), /^is not signed by the certificate's issuer$/);
    const list = makeList(root, { entries: [{ of: leaf }] });
    for (let at = 0; at < list.length; at += 1) {
      const bad = Buffer.from(list);
      bad[at] = (bad[at] ?? 0) ^ 1;
      assert.notEqual(answer(bad).status, "good");
    }
    for (let length = 0; length < list.length; length += 5)
      assert.equal(answer(list.subarray(0, length)).status, "malformed");
  });
  it("of an authority that must not sign lists", async () => {
    const mute = await makeRoot({
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    assert.match(words(answer(makeList(mute), undefined, mute)), /must not sign lists$/);
  });
  it("a long list is read to its end", () => {
    const many = { entries: Array.from({ length: 20_000 }, () => ({ of: other })) };
    const list = makeList(root, { entries: [...many.entries, { of: leaf }] });
    assert.ok(list.length > 400_000);
    assert.equal(words(answer(list)), "revoked");
  });
  it("says how long the answer holds", () => {
    const found = answer(
      makeList(root, { nextUpdate: NOW + DAY }),
      makeList(root, { number: 2, deltaOf: 1, nextUpdate: NOW + HOUR }),
    );
    assert.deepEqual(found, { status: "good", nextUpdate: NOW + HOUR });
  });
  it("names the places of its changes", () => {
    const places = ["http://crl.company.com/changes.crl", "http://crl2.company.com/changes.crl"] as const;
    assert.deepEqual(deltaPlaces(makeList(root, { extensions: [extension("2.5.29.46", points(...places))] })), places);
    assert.deepEqual(deltaPlaces(makeList(root)), []);
  });
});

describe("answers of OCSP responders", () => {
  let root: Identity;
  let leaf: Identity;
  let other: Identity;
  let otherRoot: Identity;
  before(async () => {
    root = await makeRoot();
    otherRoot = await makeRoot({ name: [{ CN: ["other root"] }] });
    [leaf, other] = [await makeLeaf(root), await makeLeaf(root)];
  });
  const responderOf = (issuer: Identity, options: IssueOptions = {}): Promise<Identity> =>
    makeLeaf(issuer, {
      name: [{ CN: ["responder"] }],
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.ocspSigning]),
        new x509.Extension("1.3.6.1.5.5.7.48.1.5", false, Buffer.from("0500", "hex")),
      ],
      ...options,
    });
  const say = (options: AnswerOptions = {}, issuer = root): string => {
    const answer = readOcsp(makeAnswer(leaf, issuer, options), certificateOf(leaf), certificateOf(root), NOW);
    return answer.status === "malformed" ? answer.message : answer.status;
  };

  it("say good, revoked, or that they do not know", () => {
    assert.equal(say(), "good");
    assert.equal(say({ idHash: "sha256" }), "good");
    assert.equal(say({ status: "revoked" }), "revoked");
    assert.equal(say({ status: "unknown" }), "unknown");
  });
  it("count for this certificate of this issuer only", () => {
    assert.equal(say({ about: other }), "is about another certificate");
    assert.equal(say({ issuerName: otherRoot }), "is about another certificate");
    assert.equal(say({}, otherRoot), "is not signed in the name of the certificate's issuer");
  });
  it("count within their time", () => {
    assert.equal(say({ nextUpdate: NOW - 1 }), "has expired");
    assert.equal(say({ nextUpdate: undefined }), "does not say how long it holds");
    assert.equal(say({ thisUpdate: NOW + HOUR }), "is of a time to come");
    assert.equal(say({ thisUpdate: NOW + 60_000 }), "good");
  });
  it("count by whom the issuer has made a responder", async () => {
    assert.equal(say({ responder: await responderOf(root) }), "good");
    assert.match(say({ responder: await responderOf(otherRoot) }), /^is not signed in the name/);
    assert.match(
      say({ responder: await responderOf(root, { notAfter: new Date(NOW - DAY) }) }),
      /^is not signed in the name/,
    );
    assert.match(say({ responder: other }), /^is not signed in the name/);
  });
  it("are to be asked for themselves where the issuer does not exempt them", async () => {
    const plain = await responderOf(root, {
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.ocspSigning]),
      ],
    });
    const answer = readOcsp(
      makeAnswer(leaf, root, { responder: plain }),
      certificateOf(leaf),
      certificateOf(root),
      NOW,
    );
    assert.equal(answer.status === "good" && answer.responder?.fingerprint, certificateOf(plain).fingerprint);
  });
  it("that are none, or altered, say nothing", () => {
    assert.match(say({ code: 6 }), /^is none \(the responder says 6\)$/);
    const revoked = makeAnswer(leaf, root, { status: "revoked" });
    const read = (bytes: Buffer): string => readOcsp(bytes, certificateOf(leaf), certificateOf(root), NOW).status;
    for (let at = 0; at < revoked.length; at += 1) {
      const bad = Buffer.from(revoked);
      bad[at] = (bad[at] ?? 0) ^ 1;
      assert.notEqual(read(bad), "good");
    }
    for (let length = 0; length < revoked.length; length += 3)
      assert.equal(read(revoked.subarray(0, length)), "malformed");
  });
  it("are asked for as openssl asks", () => {
    const folder = mkdtempSync(join(tmpdir(), "ocsp-"));
    try {
      const file = (name: string, text: string): string => {
        writeFileSync(join(folder, name), text);
        return join(folder, name);
      };
      const out = join(folder, "request.der");
      execFileSync(
        "openssl",
        [
          "ocsp",
          "-issuer",
          file("root.pem", pemOf(root)),
          "-cert",
          file("leaf.pem", pemOf(leaf)),
          "-no_nonce",
          "-reqout",
          out,
        ],
        { stdio: "ignore" },
      );
      assert.deepEqual(ocspRequest(certificateOf(leaf), certificateOf(root)), readFileSync(out));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
