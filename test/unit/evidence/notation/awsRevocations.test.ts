import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { AwsRevocationRequest } from "../../../../evidence/notation/proof.ts";
import { createAwsRevocations } from "../../../../evidence/notation/revocation/awsRevocations.ts";

const QUESTION: AwsRevocationRequest = {
  profileVersion: "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/release/OF8IVUsPJq",
  job: "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/97af3947-e7b2-4533-8d9d-6741156f0b79",
  signedAt: Date.parse("2026-06-15T12:00:00Z"),
  certificateHashes: ["aa".repeat(96), "bb".repeat(96)],
};

describe("what AWS Signer says was revoked", () => {
  let server: Server;
  let endpoint = "";
  let status = 200;
  let body = "{}";
  let hang = false;
  const asked: { readonly url: URL; readonly scope: string }[] = [];
  const environment = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_EC2_METADATA_DISABLED: "true" };
  const before_ = new Map<string, string | undefined>();
  before(async () => {
    for (const [name, value] of Object.entries(environment)) {
      before_.set(name, process.env[name]);
      process.env[name] = value;
    }
    server = createServer((request, response) => {
      asked.push({
        url: new URL(request.url ?? "", "http://x"),
        scope: /Credential=[^/]+\/\d+\/([^,]+)/.exec(request.headers.authorization ?? "")?.[1] ?? "",
      });
      if (!hang) response.writeHead(status, { "content-type": "application/json" }).end(body);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    // A server that listens on a port has an address of this form.
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    for (const [name, value] of before_)
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    [status, body, hang] = [200, '{"revokedEntities":[]}', false];
    asked.length = 0;
  });
  const clock = { now: 0 };
  const failures: unknown[] = [];
  const make = (): ReturnType<typeof createAwsRevocations> =>
    createAwsRevocations({ clock: () => clock.now, endpoint, onFailure: (error) => failures.push(error) });
  const signal = new AbortController().signal;

  it("is asked in the profile's region about profile, job, time and certificates", async () => {
    assert.deepEqual(await make().check(QUESTION, signal), { status: "good" });
    const [{ url, scope } = { url: new URL("http://x"), scope: "" }] = asked;
    assert.equal(scope, "eu-central-1/signer/aws4_request");
    assert.equal(url.pathname, "/revocations");
    assert.deepEqual(url.searchParams.getAll("certificateHashes"), QUESTION.certificateHashes);
    assert.equal(url.searchParams.get("platformId"), "Notation-OCI-SHA384-ECDSA");
    assert.equal(url.searchParams.get("profileVersionArn"), QUESTION.profileVersion);
    assert.equal(url.searchParams.get("jobArn"), QUESTION.job);
    assert.equal(Date.parse(url.searchParams.get("signatureTimestamp") ?? ""), QUESTION.signedAt);
  }).timeout(10_000);
  it("names what was revoked", async () => {
    body = JSON.stringify({ revokedEntities: [QUESTION.profileVersion] });
    assert.deepEqual(await make().check(QUESTION, signal), {
      status: "revoked",
      of: "signer",
      message: `was revoked with AWS Signer (${QUESTION.profileVersion})`,
    });
    body = JSON.stringify({ revokedEntities: ["aa".repeat(96)] });
    assert.deepEqual(await make().check(QUESTION, signal), {
      status: "revoked",
      of: "signer",
      message: "was revoked with AWS Signer (its certificate)",
    });
  });
  it("that may not be asked, or cannot, leaves it unknown", async () => {
    for (const code of [400, 403, 500]) {
      [status, body] = [code, JSON.stringify({ message: "no", code: "AccessDeniedException" })];
      const found = await make().check(QUESTION, signal);
      assert.equal(found.status, "unavailable");
    }
    [status, body] = [200, "<html>"];
    assert.equal((await make().check(QUESTION, signal)).status, "unavailable");
    assert.ok(failures.length >= 4);
  }).timeout(10_000);
  it("that hangs is given up with who asks", async () => {
    hang = true;
    assert.equal((await make().check(QUESTION, AbortSignal.timeout(50))).status, "unavailable");
  });
  it("is asked once for as long as an answer is used, and once for all who ask at the same time", async () => {
    const aws = make();
    await Promise.all([aws.check(QUESTION, signal), aws.check(QUESTION, signal)]);
    await aws.check(QUESTION, signal);
    assert.equal(asked.length, 1);
    await aws.check({ ...QUESTION, job: QUESTION.job.replace("97", "98") }, signal);
    assert.equal(asked.length, 2);
    clock.now += 600_000;
    await aws.check(QUESTION, signal);
    assert.equal(asked.length, 3);
  });
});
