import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createCandidateVerifier } from "../../../../evidence/sigstore/verify/candidateVerifier.ts";
import { WorkerPool } from "../../../../async/workers/workerPool.ts";
import { MemoryRepository } from "./memoryRepository.ts";
import { SIGN, sigstoreInstance, statementOf } from "./sigstoreInstance.ts";
import { compile, evidenceUnderTest, judge, reasonsOf, signedBy } from "./underTest.ts";

const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const never = new AbortController().signal;
const serve = new URL("../../../../async/workers/serveJobs.ts", import.meta.url).href;

describe("the worker pool", () => {
  let directory: string;
  const pools: WorkerPool<object, unknown>[] = [];
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "pool-"));
    await writeFile(
      join(directory, "worker.mjs"),
      `import { serveJobs } from ${JSON.stringify(serve)};
       serveJobs((job) => {
         if (job.crash) process.exit(3);
         if (job.throw) throw new Error("no");
         const until = Date.now() + (job.busy ?? 0);
         while (Date.now() < until);
         return job.unsendable ? () => 1 : job.value;
       });`,
    );
    await writeFile(join(directory, "broken.mjs"), "throw new Error('does not load');");
  });
  after(() => rm(directory, { recursive: true }));
  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.close()));
  });
  const pool = (
    options: Partial<ConstructorParameters<typeof WorkerPool>[0]> = {},
    module = "worker.mjs",
  ): WorkerPool<object, unknown> => {
    const made = new WorkerPool<object, unknown>({
      entry: pathToFileURL(join(directory, module)),
      size: 2,
      queue: 100,
      jobTime: 2_000,
      memory: 64,
      ...options,
    });
    pools.push(made);
    return made;
  };

  it("answers every job with its own answer", async () => {
    const made = pool();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, value) => made.run({ value }, never)));
    assert.deepEqual(
      answers,
      Array.from({ length: 50 }, (_, value) => ({ status: "done", value })),
    );
  }).timeout(10_000);

  it("loses only the job that ends its worker: by a crash, by an error, by time", async () => {
    const made = pool({ jobTime: 400 });
    // Workers that have loaded: only then is a crash the job's own.
    await Promise.all([made.run({ value: 0 }, never), made.run({ value: 0 }, never)]);
    for (const bad of [{ crash: true }, { throw: true }, { unsendable: true }, { busy: 5_000 }]) {
      const [lost, kept] = await Promise.all([made.run(bad, never), made.run({ value: "kept" }, never)]);
      assert.equal(lost.status, "crashed", JSON.stringify(bad));
      assert.deepEqual(kept, { status: "done", value: "kept" });
    }
  }).timeout(20_000);

  it("turns away what is too much", async () => {
    const made = pool({ size: 1, queue: 2 });
    const jobs = Array.from({ length: 6 }, () => made.run({ busy: 50, value: 1 }, never));
    const statuses = new Set((await Promise.all(jobs)).map(({ status }) => status));
    assert.ok(statuses.has("overloaded") && statuses.has("done"));
  }).timeout(10_000);

  it("forgets a job whose caller left", async () => {
    const made = pool({ size: 1 });
    const long = made.run({ busy: 200, value: 1 }, never);
    assert.deepEqual(await made.run({ value: 2 }, AbortSignal.timeout(20)), { status: "aborted" });
    assert.deepEqual(await made.run({ value: 2 }, AbortSignal.abort()), { status: "aborted" });
    assert.equal((await long).status, "done");
  }).timeout(10_000);

  it("is overloaded, and says so, where its module does not load", async () => {
    const made = pool({}, "broken.mjs");
    const results = await Promise.all(Array.from({ length: 5 }, () => made.run({}, never)));
    assert.deepEqual(new Set(results.map(({ status }) => status)), new Set(["overloaded"]));
  }).timeout(10_000);

  it("ends what it was doing when it is closed", async () => {
    const made = pool({ size: 1 });
    const jobs = [made.run({ busy: 5_000 }, never), made.run({}, never)];
    await made.close();
    assert.deepEqual(
      (await Promise.all(jobs)).map(({ status }) => status),
      ["overloaded", "overloaded"],
    );
    assert.equal((await made.run({}, never)).status, "overloaded");
  }).timeout(10_000);
});

describe("proofs in workers", () => {
  const digest = `sha256:${"a".repeat(64)}`;

  it("come out as they do in place, and the event loop stays free", async () => {
    const sigstore = await sigstoreInstance();
    const repository = new MemoryRepository();
    for (const subject of ["https://other", "https://example.com/workflow@refs/heads/main"]) {
      const bundle = await sigstore.bundle(await sigstore.issue({ subject }), statementOf(digest, SIGN, {}));
      repository.put([{ mediaType: BUNDLE, bytes: Buffer.from(JSON.stringify(bundle)) }], {
        subject: digest,
        artifactType: BUNDLE,
      });
    }
    const by = (subject: string) =>
      compile(
        signedBy({
          name: "ci",
          keyless: { identities: [{ issuer: "https://issuer.example.com", subject }] },
          trustRoot: { inline: sigstore.trustedRoot },
        }),
      );
    const examiner = createCandidateVerifier({ workers: 1 });
    const there = evidenceUnderTest(undefined, { examiner });
    const here = evidenceUnderTest();
    for (const subject of ["https://example.com/workflow@refs/heads/main", "https://nobody"]) {
      const asking = { repository, digest };
      assert.deepEqual(
        (await judge(there, by(subject), asking)).findings,
        (await judge(here, by(subject), asking)).findings,
      );
    }
    await examiner.close();
    // Closed: what cannot be examined is unavailable, never passed and never refused.
    const { findings } = await judge(
      evidenceUnderTest(undefined, { examiner }),
      by("https://example.com/workflow@refs/heads/main"),
      { repository, digest },
    );
    assert.deepEqual(reasonsOf(findings), ["EvidenceUnavailable"]);
  }).timeout(20_000);
});
