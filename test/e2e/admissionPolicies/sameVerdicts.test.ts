import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { KubeClient } from "../../../kube/kubeClient.ts";
import { compileException } from "../../../policy/exceptions/compileException.ts";
import type { CompiledPolicy } from "../../../policy/compiledPolicy.ts";
import type { CompiledException } from "../../../policy/exceptions/compiledException.ts";
import type { Finding } from "../../../policy/finding/finding.ts";
import { clusterTimeout, startCluster, type Cluster, kubeClientOf } from "../harness/cluster.ts";
import { exception, image, labels, spec } from "./arbitraries.ts";
import { compiled, create, firstLine, generated, install, judged } from "./rounds.ts";

/** Policies that are judged at once, each in a namespace of its own. */
const POLICIES = 24;
const IMAGES = 50;
const ROUNDS = Number(process.env["VAP_ROUNDS"] ?? 3);
const AT_ONCE = 12;

interface Place {
  readonly namespace: string;
  readonly namespaceLabels: Readonly<Record<string, string>>;
  readonly policy: CompiledPolicy;
}

/** Messages that CEL says in fewer words: looks of a registry, letters that are not ASCII, addresses in brackets. */
const FEWER_WORDS = /LookalikeRegistry|[^ -~]|\\u\{|image "[^"]*\[/;

describe("generated ValidatingAdmissionPolicies", function () {
  this.timeout(300_000);
  let cluster: Cluster;
  let client: KubeClient;
  const seed = Number(process.env["VAP_SEED"] ?? Date.now() % 1_000_000);

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startCluster();
    client = kubeClientOf(cluster);
  });
  after(() => client?.close());

  const sample = <T>(arbitrary: fc.Arbitrary<T>, count: number, offset: number): T[] =>
    fc.sample(arbitrary, { numRuns: count, seed: seed + offset });

  for (let round = 0; round < ROUNDS; round++) {
    it(`refuse nothing that the webhook admits, and say what it says (seed ${seed}, round ${round})`, async () => {
      const tally = { requests: 0, refused: 0, same: 0, left: 0, invalid: 0 };
      const named = sample(labels, POLICIES, round * 10);
      const places: { namespace: string; namespaceLabels: Readonly<Record<string, string>> }[] = [];
      for (const own of named) {
        const namespace = await cluster.newNamespace(`vap${round}`, own);
        places.push({ namespace, namespaceLabels: { ...own, "kubernetes.io/metadata.name": namespace } });
      }
      const globs = [
        ...places.map(({ namespace }) => namespace),
        "vap*",
        "*",
        `vap${round}-*`,
        "other",
        "*1",
        "v*p*2*",
      ];
      const specs = sample(spec(globs), POLICIES, round * 10 + 1);
      const policies = specs.map((one, index) => compiled(`p${round}x${index}`, one));
      const exceptions = sample(
        exception(
          globs,
          policies.map(({ name }) => name),
        ),
        8,
        round * 10 + 2,
      ).map((one, index) =>
        compileException(
          {
            apiVersion: "imagesecurity.dev/v1",
            kind: "ImageSecurityException",
            metadata: { name: `e${index}`, creationTimestamp: new Date().toISOString() },
            spec: one,
          },
          { maxDuration: 90 * 86_400_000, now: Date.now() },
        ),
      );
      // Each policy among three of which some pin, with the exceptions of its number.
      const among = (
        index: number,
      ): { policies: readonly CompiledPolicy[]; exceptions: readonly CompiledException[] } => ({
        policies: policies.slice(index - (index % 3), index - (index % 3) + 3),
        exceptions: index % 2 === 0 ? exceptions.slice((index / 2) % 8, ((index / 2) % 8) + 1) : [],
      });
      const all: Place[] = places.map((place, index) => ({ ...place, policy: policies[index] ?? assert.fail() }));
      const pairs = all.flatMap(({ policy, namespace }, index) => {
        const { policies: others, exceptions: silencing } = among(index);
        return generated(policy, namespace, others, silencing) ?? [];
      });
      const uninstall = await install(client, pairs);
      try {
        const images = sample(image, IMAGES * POLICIES, round * 10 + 3);
        const kinds = sample(
          fc.constantFrom("Pod", "Pod", "Pod", "Deployment", "CronJob"),
          IMAGES * POLICIES,
          round * 10 + 4,
        );
        const ownLabels = sample(labels, IMAGES * POLICIES, round * 10 + 5);
        const tasks = images.map((_, number) => async () => {
          const index = number % POLICIES;
          const { policy, namespace, namespaceLabels } = all[index] ?? assert.fail();
          const kind = kinds[number] ?? "Pod";
          // Every fourth object names several images.
          const several = number % 4 === 0 ? images.slice(number, number + 3) : images.slice(number, number + 1);
          const object = objectOf(kind, several, ownLabels[number] ?? {});
          const { policies: others, exceptions: silencing } = among(index);
          const findings = await judged(object, { kind, namespace, namespaceLabels }, others, silencing);
          const denials = findings.filter((finding) => finding.policy === policy.name);
          const answer = await create(client, namespace, kind, object);
          tally.requests++;
          if (answer.status === 422 || answer.status === 400) {
            tally.invalid++;
            return;
          }
          const context = (): string =>
            JSON.stringify(
              {
                number,
                spec: policy.spec,
                others: others.map((one) => one.spec),
                exceptions: silencing.map((one) => one.spec),
                namespace,
                namespaceLabels,
                object,
                denials,
                answer,
              },
              null,
              1,
            );
          const expected = firstLine(denials);
          if (answer.refused === undefined) {
            assert.equal(answer.status, 201, context());
            if (expected === undefined) return;
            tally.left++;
            assert.ok(isLeft(several, others, denials), `is left to the webhook without a reason\n${context()}`);
            return;
          }
          tally.refused++;
          assert.ok(expected !== undefined, `refuses what the webhook admits\n${context()}`);
          assert.equal(answer.status, 403);
          assert.equal(answer.reason, "Forbidden");
          if (FEWER_WORDS.test(expected) || several.some((one) => FEWER_WORDS.test(one) || one.includes("["))) return;
          tally.same++;
          // Where the first is a tag that may be pinned, which is left to the webhook, it is a later one of the same.
          const each = denials.map((one) => firstLine([one]));
          if (leavesTags(others)) assert.ok(each.includes(answer.refused), context());
          else assert.equal(answer.refused, expected, context());
        });
        await inParallel(tasks);
        console.error(`      ${JSON.stringify({ ...tally, policies: pairs.length })}`);
        assert.ok(tally.same > tally.requests / 20, "there was something to compare");
      } finally {
        await uninstall();
      }
    });
  }
});

/** What is left out on purpose: IPv6, a digest that is not ASCII, tags of what some policy pins. */
const isLeft = (images: readonly string[], policies: readonly CompiledPolicy[], denials: readonly Finding[]): boolean =>
  images.some((one) => one.startsWith("[") || /@.*[^ -~]/.test(one)) ||
  (leavesTags(policies) && denials.every(({ reason }) => reason === "DigestRequired"));

const leavesTags = (policies: readonly CompiledPolicy[]): boolean =>
  policies.some(({ digest }) => digest !== undefined && digest.pin !== "Never");

const inParallel = async (tasks: readonly (() => Promise<void>)[]): Promise<void> => {
  const queue = tasks.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const task of queue) await task();
    }),
  );
};

const objectOf = (kind: string, images: readonly string[], own: Readonly<Record<string, string>>): object => {
  // Not in the order of their names.
  const containers = images.map((one, index) => ({ name: `c${9 - index}`, image: one }));
  const pod = {
    metadata: { labels: { app: "x", ...own } },
    spec: { containers, restartPolicy: kind === "CronJob" ? "Never" : "Always" },
  };
  if (kind === "Pod") return { apiVersion: "v1", kind, ...pod, metadata: { ...pod.metadata, generateName: "x-" } };
  const metadata = { generateName: "x-" };
  if (kind === "Deployment")
    return { apiVersion: "apps/v1", kind, metadata, spec: { selector: { matchLabels: { app: "x" } }, template: pod } };
  return {
    apiVersion: "batch/v1",
    kind,
    metadata,
    spec: { schedule: "0 0 * * *", jobTemplate: { spec: { template: pod } } },
  };
};
