import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readCose } from "../../../../evidence/notation/verify/cose.ts";
import { readJws } from "../../../../evidence/notation/verify/jws.ts";
import { readTarget } from "../../../../evidence/notation/verify/payload.ts";
import { inWords, signerOf, verdictOf } from "./support/verifying.ts";

/** A checkout of notaryproject/notation-go, whose files are not copied here. */
const CHECKOUT = process.env["NOTATION_GO"];

const ENVELOPES = "verifier/testdata/timestamp/sigEnv";
const MOCKS = "internal/mock/testdata";
const SIGNING_AUTHORITY = /^Untrusted: was made by a signing authority/;

/** What each of its envelopes comes to with trust in its own root, without and with GlobalSign's timestamps. */
const ROWS: readonly (readonly [file: string, without: RegExp, withTimestamps: RegExp])[] = [
  [`${ENVELOPES}/coseWithTimestamp.sig`, /^proved$/, /^proved$/],
  [`${ENVELOPES}/jwsWithTimestamp.sig`, /^proved$/, /^proved$/],
  [`${ENVELOPES}/coseExpiredWithTimestamp.sig`, /^Untrusted: has a certificate that has expired/, /^proved$/],
  [`${ENVELOPES}/jwsExpiredWithTimestamp.sig`, /^Untrusted: has a certificate that has expired/, /^proved$/],
  [
    `${ENVELOPES}/timestampAfterNotAfter.sig`,
    /^Untrusted: has a certificate that has expired/,
    /not valid at the time of its timestamp$/,
  ],
  [
    `${ENVELOPES}/timestampBeforeNotBefore.sig`,
    /^Untrusted: has a certificate that is not valid yet$/,
    /not valid at the time of its timestamp$/,
  ],
  [`${ENVELOPES}/withoutTimestamp.sig`, /^proved$/, /^Untrusted: has no timestamp$/],
  [`${MOCKS}/ca_valid_sig_env.json`, /^proved$/, /^Untrusted: has no timestamp$/],
  [`${MOCKS}/ca_expired_sig_env.json`, /^Untrusted: expired at 2022-07-29T23:59:00Z$/, /^Untrusted: expired at/],
  [`${MOCKS}/ca_invalid_sig_env.json`, /^Invalid: malformed/, /^Invalid: malformed/],
  [`${MOCKS}/ca_plugin_sig_env.json`, /critical header SomeKey, which is not understood$/, /not understood$/],
  [`${MOCKS}/sa_valid_sig_env.json`, SIGNING_AUTHORITY, SIGNING_AUTHORITY],
  [`${MOCKS}/sa_expired_sig_env.json`, SIGNING_AUTHORITY, SIGNING_AUTHORITY],
  [`${MOCKS}/sa_invalid_sig_env.json`, /^Invalid: malformed/, /^Invalid: malformed/],
  [`${MOCKS}/sa_plugin_sig_env.json`, /critical header SomeKey, which is not understood$/, /not understood$/],
  ...[
    "compatible_pluginver_sig_env_0.0.9",
    "compatible_pluginver_sig_env_1.0.0-alpha",
    "compatible_pluginver_sig_env_1.0.0-alpha.beta",
    "compatible_pluginver_sig_env_1.0.0",
    "incompatible_pluginver_sig_env_1.0.1",
    "incompatible_pluginver_sig_env_1.0.9",
    "incompatible_pluginver_sig_env_1.1.0-alpha",
    "incompatible_pluginver_sig_env_1.2.3",
  ].map((name) => [`${MOCKS}/ca_${name}.json`, SIGNING_AUTHORITY, SIGNING_AUTHORITY] as const),
  [
    `${MOCKS}/sig_env_with_metadata.json`,
    /^Untrusted: has a certificate that has expired/,
    /^Untrusted: has no timestamp$/,
  ],
];

/** When the certificates of most of them are valid. */
const NOW = Date.parse("2025-11-01T00:00:00Z");

describe("the envelopes of notaryproject/notation-go (NOTATION_GO)", () => {
  before(function () {
    if (CHECKOUT === undefined) this.skip();
  });
  for (const [file, without, withTimestamps] of ROWS)
    it(file, () => {
      const bytes = readFileSync(join(CHECKOUT ?? "", file));
      const timestampRoot = readFileSync(
        join(CHECKOUT ?? "", "verifier/testdata/truststore/x509/tsa/test-timestamp/globalsignRoot.cer"),
      );
      const format = bytes[0] === 0xd2 ? "cose" : "jws";
      const say = (timestamps: boolean): string => {
        try {
          const { chain, payload } = format === "cose" ? readCose(bytes) : readJws(bytes);
          const trusted = {
            certificates: chain.slice(-1),
            ...(timestamps ? { timestampCertificates: [timestampRoot] } : {}),
          };
          return inWords(verdictOf(bytes, signerOf([], trusted), { format, image: readTarget(payload), now: NOW }));
        } catch (error) {
          return `Invalid: malformed: ${error instanceof Error ? error.message : ""}`;
        }
      };
      assert.match(say(false), without);
      assert.match(say(true), withTimestamps);
    });
});
