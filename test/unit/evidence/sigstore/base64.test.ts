import assert from "node:assert/strict";
import { sign } from "node:crypto";
import { MemoryRepository } from "./memoryRepository.ts";
import { envelopeOf, keyHand, payloadOf, publicPem, sigstoreInstance, statementOf } from "./sigstoreInstance.ts";
import { byKey, compile, evidenceUnderTest, judge, reasonsOf, signedBy } from "./underTest.ts";

const SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE = "application/vnd.dsse.envelope.v1+json";
const PROVENANCE = "https://slsa.dev/provenance/v1";
const digest = `sha256:${"a".repeat(64)}`;
const tag = (suffix: string): string => `${digest.replace(":", "-")}.${suffix}`;

const wrapped =
  (end: string): ((text: string) => string) =>
  (text) =>
    text.replaceAll(/.{1,64}/g, (line) => line + end);
const urlSafe = (text: string): string => text.replaceAll("+", "-").replaceAll("/", "_");

/** How somebody writes base64, and whether Go's `base64.StdEncoding` and go-securesystemslib's reader of envelopes take it. */
const spellings: readonly (readonly [
  name: string,
  write: (text: string) => string,
  standard: boolean,
  dsse: boolean,
])[] = [
  ["one line", (text) => text, true, true],
  ["lines of openssl", wrapped("\n"), true, true],
  ["lines of Windows", wrapped("\r\n"), true, true],
  ["a line end before the padding", (text) => text.replace(/(?==*$)/, "\n"), true, true],
  ["the alphabet of URLs", urlSafe, false, true],
  ["the alphabet of URLs in lines", (text) => wrapped("\n")(urlSafe(text)), false, true],
  ["both alphabets", (text) => text.replaceAll("+", "-"), false, false],
  ["spaces", (text) => ` ${text}`, false, false],
  ["tabs", wrapped("\t"), false, false],
  ["no padding", (text) => text.replace(/=+$/, ""), false, false],
  ["more after the padding", (text) => `${text}AAAA`, false, false],
  ["a byte of something else", (text) => `${text.slice(0, 4)}*${text.slice(5)}`, false, false],
];

/** Signatures differ from call to call: one that shows both letters in which the alphabets differ, and padding. */
const telling = (make: () => Buffer): Buffer => {
  for (;;) {
    const bytes = make();
    if (/\+.*\/.*=|\/.*\+.*=/.test(bytes.toString("base64"))) return bytes;
  }
};

describe("base64 as cosign reads it", () => {
  const hand = keyHand();
  for (const [name, write, standard, inEnvelopes] of spellings) {
    it(`${standard ? "takes" : "refuses"} ${name} in a signature's annotation`, async () => {
      const bytes = payloadOf(digest);
      const signature = telling(() => sign("sha256", bytes, hand.privateKey)).toString("base64");
      const repository = new MemoryRepository();
      const annotations = { "dev.cosignproject.cosign/signature": write(signature) };
      repository.put([{ mediaType: SIMPLE, bytes, annotations }], { tag: tag("sig") });
      const policy = compile(signedBy(byKey(publicPem(hand))));
      const { findings } = await judge(evidenceUnderTest(), policy, { repository, digest });
      assert.deepEqual(reasonsOf(findings), standard ? [] : ["SignatureInvalid"]);
    });

    for (const part of ["payload", "signature"] as const)
      it(`${inEnvelopes ? "takes" : "refuses"} ${name} in an envelope's ${part}`, async () => {
        let envelope: { payload: string; signatures: { sig: string }[] } | undefined;
        let tries = 0;
        telling(() => {
          // At all three positions in a group these characters make both letters; the rest makes padding.
          const predicate = { text: "??>>~~ ??>>~~  ??>>~~", tail: "x".repeat(tries++ % 3) };
          const made = envelopeOf(hand, statementOf(digest, PROVENANCE, predicate));
          envelope = JSON.parse(made.bytes.toString()) as typeof envelope;
          return part === "payload" ? Buffer.from(envelope!.payload, "base64") : made.signature;
        });
        if (part === "payload") envelope!.payload = write(envelope!.payload);
        else envelope!.signatures[0]!.sig = write(envelope!.signatures[0]!.sig);
        const repository = new MemoryRepository();
        repository.put([{ mediaType: DSSE, bytes: Buffer.from(JSON.stringify(envelope)) }], { tag: tag("att") });
        const policy = compile({
          authorities: [byKey(publicPem(hand))],
          attestations: [{ predicateType: PROVENANCE, authorities: ["release"] }],
        });
        const { findings } = await judge(evidenceUnderTest(), policy, { repository, digest });
        assert.deepEqual(reasonsOf(findings), inEnvelopes ? [] : ["AttestationInvalid"]);
      });
  }

  it("takes line ends in a promise and in a timestamp, and none in a body, whose text the log signed", async () => {
    const sigstore = await sigstoreInstance();
    const subject = "https://example.com/workflow@refs/heads/main";
    const issuer = "https://issuer.example.com";
    const signer = await sigstore.issue({ subject, issuer });
    const bytes = payloadOf(digest);
    const own = await sigstore.annotations(signer, bytes, { log: "v1", timestamp: true });
    const bundle = "dev.sigstore.cosign/bundle";
    const timestamp = "dev.sigstore.cosign/rfc3161timestamp";
    const inside = (name: string, field: string): Record<string, string> => {
      const quoted = new RegExp(`(?<="${field}":\\s*")[^"]+`);
      const rewritten = own[name]!.replace(quoted, (text) => JSON.stringify(wrapped("\n")(text)).slice(1, -1));
      assert.notEqual(rewritten, own[name]);
      return { ...own, [name]: rewritten };
    };
    const rows: readonly (readonly [annotations: Record<string, string>, expected: readonly string[]])[] = [
      [own, []],
      [inside(bundle, "SignedEntryTimestamp"), []],
      [inside(timestamp, "SignedRFC3161Timestamp"), []],
      [inside(bundle, "body"), ["SignatureInvalid"]],
    ];
    for (const [annotations, expected] of rows) {
      const repository = new MemoryRepository();
      repository.put([{ mediaType: SIMPLE, bytes, annotations }], { tag: tag("sig") });
      const keyless = { identities: [{ issuer, subject }] };
      const policy = compile(signedBy({ name: "ci", keyless, trustRoot: { inline: sigstore.trustedRoot } }));
      const { findings } = await judge(evidenceUnderTest(), policy, { repository, digest });
      assert.deepEqual(reasonsOf(findings), expected, JSON.stringify(annotations[bundle]?.slice(0, 80)));
    }
  });
});
