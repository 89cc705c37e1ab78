// The decorators that @peculiar/x509 is built on need it first.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createRevocationFetcher } from "../../../../evidence/notation/revocation/fetcher.ts";
import { KeptLists } from "../../../../evidence/notation/revocation/keptLists.ts";
import { createRevocations } from "../../../../evidence/notation/revocation/revocations.ts";
import { createNotationVerifier } from "../../../../evidence/notation/verify/notationVerifier.ts";
import { createAddressFilter } from "../../../../evidence/registry/http/addresses.ts";
import { silent } from "../sigstore/underTest.ts";
import { makeEnvelope, SIGNING_TIME } from "./support/envelopes.ts";
import { askNotation, findNotation, ORACLE_IMAGE } from "./support/oracle.ts";
import { makeLeaf, makeRoot, pemOf, type Identity, type IssueOptions } from "./support/pki.ts";
import { makeAnswer, makeList, REASONS, type AnswerOptions, type ListOptions } from "./support/signing.ts";
import { signerOf, verdictOf } from "./support/verifying.ts";

const DAY = 86_400_000;
const { certificateHold, keyCompromise, removeFromCRL } = REASONS;

/** What responder and lists say, and whether notation then verifies. */
interface Case {
  readonly name: string;
  readonly ocsp?: AnswerOptions | "down" | "junk";
  readonly list?: ListOptions | "down";
  readonly delta?: ListOptions | "down";
}

describe("revocation, as the notation on this machine asks for it", () => {
  let server: Server;
  let at = "";
  let program = "";
  const answers = new Map<string, Buffer>();
  before(async function () {
    const found = await findNotation();
    if (found === undefined) this.skip();
    program = found;
    server = createServer((request, response) => {
      const bytes = [...answers].find(([path]) => request.url?.startsWith(path))?.[1];
      if (bytes === undefined) response.writeHead(503).end();
      else response.end(bytes);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    // A server that listens on a port has an address of this form.
    at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server?.closeAllConnections();
    server?.close();
  });

  // RFC 5280 has no fractions of seconds.
  const now = Math.floor(Date.now() / 1000) * 1000;
  const current = { thisUpdate: now - 60_000, nextUpdate: now + DAY };
  const fresh = { nextUpdate: now + DAY };
  const entry = (of: Identity, reason?: number, time = now - 60_000): ListOptions["entries"] & {} => [
    { of, at: time, ...(reason === undefined ? {} : { reason }) },
  ];
  const CASES: readonly ((signer: Identity, root: Identity) => Case)[] = [
    () => ({ name: "a responder that says good", ocsp: current }),
    () => ({
      name: "a responder that says revoked",
      ocsp: { ...current, status: "revoked" },
    }),
    () => ({
      name: "a responder that does not know it",
      ocsp: { ...current, status: "unknown" },
    }),
    () => ({ name: "a responder that is down", ocsp: "down" }),
    () => ({ name: "a responder that says junk", ocsp: "junk" }),
    () => ({
      name: "an answer that has expired",
      ocsp: { ...current, nextUpdate: now - 1000 },
    }),
    () => ({
      name: "an answer without an end",
      ocsp: { ...current, nextUpdate: undefined },
    }),
    () => ({ name: "an empty list", list: fresh }),
    (signer) => ({
      name: "a list with it",
      list: { ...fresh, entries: entry(signer, keyCompromise) },
    }),
    (signer) => ({
      name: "a list with it, without a reason",
      list: { ...fresh, entries: entry(signer) },
    }),
    (signer) => ({
      name: "a hold",
      list: { ...fresh, entries: entry(signer, certificateHold) },
    }),
    () => ({ name: "a list that is down", list: "down" }),
    () => ({
      name: "a list that has expired",
      list: { nextUpdate: now - 1000 },
    }),
    () => ({
      name: "a responder that is down, and a list",
      ocsp: "down",
      list: fresh,
    }),
    (signer) => ({
      name: "a responder that is down, and a list with it",
      ocsp: "down",
      list: { ...fresh, entries: entry(signer) },
    }),
    () => ({
      name: "a responder that does not know it, and a list",
      ocsp: { ...current, status: "unknown" },
      list: fresh,
    }),
    () => ({
      name: "a responder that says good, and a list that is down",
      ocsp: current,
      list: "down",
    }),
    () => ({
      name: "changes without it",
      list: fresh,
      delta: { ...fresh, number: 2, deltaOf: 1 },
    }),
    (signer) => ({
      name: "changes with it",
      list: fresh,
      delta: { ...fresh, number: 2, deltaOf: 1, entries: entry(signer) },
    }),
    (signer) => ({
      name: "changes that end a hold",
      list: {
        ...fresh,
        entries: entry(signer, certificateHold, now - 2 * DAY),
      },
      delta: {
        ...fresh,
        number: 2,
        deltaOf: 1,
        entries: entry(signer, removeFromCRL, now - DAY),
      },
    }),
    () => ({ name: "changes that are down", list: fresh, delta: "down" }),
    () => ({
      name: "changes as old as the list",
      list: { ...fresh, number: 2 },
      delta: { ...fresh, number: 2, deltaOf: 1 },
    }),
    () => ({
      name: "changes of a list to come",
      list: fresh,
      delta: { ...fresh, number: 4, deltaOf: 3 },
    }),
    () => ({
      name: "changes that have expired",
      list: fresh,
      delta: { nextUpdate: now - 1000, number: 2, deltaOf: 1 },
    }),
  ];

  it("comes to the same, answer by answer", async () => {
    const valid: IssueOptions = {
      notBefore: new Date(now - 3 * DAY),
      notAfter: new Date(now + DAY),
    };
    const examiner = createNotationVerifier({ workers: 0 });
    let nth = 0;
    for (const make of CASES) {
      const root = await makeRoot(valid);
      const [ocspPath, listPath, deltaPath] = ["ocsp", "list", "delta"].map((what) => `/${(nth += 1)}-${what}`);
      const { ocsp, list } = make(root, root);
      const signer = await makeLeaf(root, {
        ...valid,
        more: [
          ...(ocsp === undefined
            ? []
            : [
                new x509.AuthorityInfoAccessExtension({
                  ocsp: [`${at}${ocspPath}`],
                }),
              ]),
          ...(list === undefined ? [] : [new x509.CRLDistributionPointsExtension([`${at}${listPath}`])]),
        ],
      });
      const one = make(signer, root);
      if (one.ocsp !== undefined && one.ocsp !== "down")
        answers.set(ocspPath ?? "", one.ocsp === "junk" ? Buffer.from("junk") : makeAnswer(signer, root, one.ocsp));
      if (one.list !== undefined && one.list !== "down")
        answers.set(
          listPath ?? "",
          makeList(root, {
            ...one.list,
            ...(one.delta === undefined ? {} : { freshest: `${at}${deltaPath}` }),
          }),
        );
      if (one.delta !== undefined && one.delta !== "down") answers.set(deltaPath ?? "", makeList(root, one.delta));
      const envelope = makeEnvelope(signer, {
        payload: { targetArtifact: ORACLE_IMAGE },
        headers: { [SIGNING_TIME]: Math.floor(now / 1000) * 1000 - DAY },
      });

      const theirs = await askNotation(program, {
        name: one.name,
        format: "jws",
        level: "strict",
        identities: ["x509.subject: C=US, ST=WA, O=company.com"],
        certificates: pemOf(root),
        envelope: envelope.toString("base64"),
      });
      const fetcher = createRevocationFetcher({
        filter: createAddressFilter({
          allowed: ["127.0.0.1"],
          serviceRanges: [],
        }),
        proxy: () => undefined,
      });
      const revocations = createRevocations({
        fetcher,
        examiner,
        lists: new KeptLists(fetcher, Date.now),
        aws: { check: () => Promise.resolve({ status: "good" }) },
        metrics: silent,
        clock: Date.now,
      });
      const verdict = verdictOf(envelope, signerOf([root]), {
        image: ORACLE_IMAGE,
        now: Date.now(),
      });
      assert.ok(verdict.status === "proved", one.name);
      const ours = await revocations.check(verdict, AbortSignal.timeout(9_000));
      await fetcher.close();
      assert.equal(ours.status === "good", theirs.passes, `${one.name}: ${JSON.stringify(ours)} ${theirs.says}`);
      // Denied and could not tell are different here; notation has words for it.
      if (ours.status !== "good")
        assert.equal(
          ours.status === "revoked",
          /is revoked/.test(theirs.says),
          `${one.name}: ${JSON.stringify(ours)} ${theirs.says}`,
        );
    }
  }).timeout(180_000);
});
