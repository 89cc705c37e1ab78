import { Command, Option } from "commander";
import { Gate } from "../../async/gate.ts";
import { storedReport, type StoredReport } from "../../evidence/scan/formats/vulnerabilityReport.ts";
import { field, textField } from "../../json/fields.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import { subjectOf } from "../../policy/subject/subjectOf.ts";
import type { Attester } from "../attest/attest.ts";
import { addAttestFlags, demandSense, type AttestFlags } from "../attest/flags.ts";
import { addClusterFlags, type ClusterFlags } from "../cluster/flags.ts";
import { DENIED, FAILED, PASSED, UsageError } from "../exitCode.ts";
import { readManifests, type Manifest } from "../input/manifests.ts";
import { policiesIn, resolveIn, secretData } from "../input/policyFiles.ts";
import { readFiles } from "../input/yamlFiles.ts";
import { terminalText } from "../terminalText.ts";
import { addRegistryFlags, type RegistryFlags } from "../registryFlags.ts";
import { addTemplateFlags, type TemplateFlags } from "../settingFlags.ts";
import { lazyEvidence } from "../lazyEvidence.ts";
import type { UserEvidenceOptions } from "../userEvidence.ts";
import { checkManifest } from "./checkManifest.ts";
import { isJudged, type JudgeOptions } from "./judgeManifest.ts";
import { jsonReport } from "./jsonReport.ts";
import { junitReport } from "./junitReport.ts";
import { demandLabels, namespacesIn } from "./namespaces.ts";
import { FROM_COMMAND_LINE, type CheckedObject, type CheckResult } from "./result.ts";
import { sarifReport } from "./sarifReport.ts";
import { COLOURED, PLAIN, textReport } from "./textReport.ts";

interface CheckFlags extends RegistryFlags, TemplateFlags, ClusterFlags, AttestFlags {
  readonly fromCluster: boolean;
  readonly policy: readonly string[];
  readonly image: readonly string[];
  readonly namespace: string;
  readonly namespaceLabels: readonly string[];
  readonly output: "text" | "json" | "sarif" | "junit";
  readonly failOn: "deny" | "warn";
  readonly explain: boolean;
}

/** Milliseconds for one object: longer than admission may take, for there is nobody who waits. */
const PATIENCE = 60_000;
/** Objects judged at the same time. */
const AT_ONCE = 16;

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** `image-security check`: what a cluster with these policies would say of these manifests, before they are applied. */
export const checkCommand = (): Command =>
  addClusterFlags(
    addRegistryFlags(
      addTemplateFlags(addAttestFlags(new Command("check")))
        .description("say what policies say of manifests and images, before a cluster does")
        .argument("[paths...]", "files and folders with manifests; - is standard input (kustomize, helm template)")
        .option("--policy <path>", "file or folder with policies and what they refer to; repeatable", collect, [])
        .option("--from-cluster", "judge by the policies of the cluster, its namespaces' labels and its keys", false)
        .option("--image <image>", "an image to judge as a Pod would have it; repeatable", collect, [])
        .option("-n, --namespace <name>", "namespace of objects that name none", "default")
        .option("--namespace-labels <NAMESPACE:key=value,...>", "labels of a namespace; repeatable", collect, [])
        .addOption(
          new Option("--output <format>", "how it is told").choices(["text", "json", "sarif", "junit"]).default("text"),
        )
        .option("--explain", "tell what led to each verdict: policies, digests, signers, attestations, scans", false)
        .addOption(
          new Option("--fail-on <action>", "end with 1 from this on").choices(["deny", "warn"]).default("deny"),
        ),
    ),
  ).action(async (paths: readonly string[], flags: CheckFlags) => {
    const result = await check(paths, flags);
    process.stdout.write(reportOf(result, flags.output));
    for (const note of result.notes) console.error(note);
    for (const one of result.attested ?? [])
      if (one.status === "failed") console.error(terminalText(`${one.image} passed and is not attested: ${one.why}`));
    process.exitCode = exitCodeOf(result, flags.failOn);
  });

const check = async (paths: readonly string[], flags: CheckFlags): Promise<CheckResult> => {
  demandSense(flags);
  if (flags.policy.length === 0 && !flags.fromCluster)
    throw new UsageError("there is nothing to judge by: give policies with --policy FILE, or --from-cluster");
  if (paths.length === 0 && flags.image.length === 0)
    throw new UsageError("there is nothing to judge: give files, folders, - for standard input, or --image IMAGE");
  const attester = flags.attest ? await ready(flags) : undefined;
  const given = readManifests(await readFiles(flags.policy));
  const judgedBy = [...given.manifests, ...(flags.fromCluster ? await fromCluster(flags, given.manifests) : [])];
  const { manifests, others } = readManifests(await readFiles(paths));
  if (paths.length > 0 && manifests.length === 0)
    throw new UsageError(`${paths.join(", ")}: holds no Kubernetes object, so nothing was judged`);

  // What is judged says nothing of who is trusted, nor what a scan found.
  const { policies, objects, exceptions } = policiesIn(judgedBy, resolveIn(judgedBy), Date.now());
  if (policies.length === 0)
    throw new UsageError(
      `${[...flags.policy, ...(flags.fromCluster ? ["the cluster"] : [])].join(", ")}: holds no ImageSecurityPolicy`,
    );
  const judged = [...manifests.filter(isJudged), ...flags.image.map(podOf)];
  const around = [...judgedBy, ...manifests];
  const namespaces = namespacesIn(around, flags.namespaceLabels);
  const namespaceOf = (manifest: Manifest): string => manifest.namespace || flags.namespace;
  demandLabels(
    judged.map((one) => subjectOf(one.object, { kind: one.kind, namespace: namespaceOf(one), namespaceLabels: {} })),
    policies,
    objects,
    namespaces,
  );

  const evidence = lazyEvidence(flags, () => knownFrom(around, judgedBy));
  try {
    const defects: unknown[] = [];
    const options: JudgeOptions = {
      policies,
      exceptions,
      gather: evidence.gather,
      report: (error) => void defects.push(error),
      resolveDigest: evidence.resolveDigest,
      namespaceLabels: (name) => namespaces.get(name) ?? {},
      placeholders: flags.templatePlaceholders,
      now: Date.now,
      timeout: PATIENCE,
    };
    const results: CheckedObject[] = [];
    const gate = new Gate(AT_ONCE);
    for (const [index, manifest] of judged.entries())
      await gate.run(async () => {
        try {
          results[index] = await checkManifest(manifest, namespaceOf(manifest), options, {
            ...(flags.explain ? { explainBy: objects } : {}),
            attests: flags.attest,
          });
        } catch (error) {
          defects.push(error);
        }
      });
    await gate.empty();
    const [defect] = defects;
    if (defect instanceof UsageError) throw defect;
    if (defect !== undefined) throw new Error("an object could not be judged", { cause: defect });
    const attested = await attester?.publish(
      results.flatMap(({ judged: one }) => one ?? []),
      policies,
    );
    return {
      objects: results,
      passedOver: others + manifests.filter((one) => !isJudged(one)).length,
      notes: notesOf(policies),
      ...(attested === undefined ? {} : { attested }),
    };
  } finally {
    await evidence.close();
  }
};

/** Loaded here: whoever publishes nothing needs nothing of it. */
const ready = async (flags: CheckFlags): Promise<Attester> =>
  (await import("../attest/attest.ts")).createAttester(flags);

/** What a file says of a policy stands for what the cluster says of it: that is how a change is tried. */
const fromCluster = async (flags: ClusterFlags, instead: readonly Manifest[]): Promise<readonly Manifest[]> => {
  // Loaded here: most checks ask no cluster, and its client takes longer to load than they do.
  const [{ connect }, { clusterManifests }] = await Promise.all([
    import("../cluster/connect.ts"),
    import("../cluster/clusterManifests.ts"),
  ]);
  const { client } = connect(flags);
  try {
    return await clusterManifests(client, instead);
  } finally {
    await client.close();
  }
};

/** An image of the command line as the one of a Pod. */
const podOf = (image: string): Manifest => ({
  path: FROM_COMMAND_LINE,
  object: {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "image" },
    spec: { containers: [{ name: "image", image }] },
  },
  apiVersion: "v1",
  kind: "Pod",
  name: "image",
  namespace: "",
  lineOf: () => 1,
});

/** What the files say of a cluster: pull secrets and ServiceAccounts of `manifests`, VulnerabilityReports of `judgedBy`. */
const knownFrom = (manifests: readonly Manifest[], judgedBy: readonly Manifest[]): UserEvidenceOptions => {
  const find = (kind: string, namespace: string, name: string): object | undefined =>
    manifests.find((one) => one.kind === kind && one.name === name && (one.namespace || namespace) === namespace)
      ?.object;
  const reports = Map.groupBy(
    judgedBy.filter(({ kind }) => kind === "VulnerabilityReport").flatMap(({ object }) => storedReport(object) ?? []),
    ({ digest }) => digest,
  );
  return {
    cluster: {
      readSecret: async (namespace, name) => {
        const secret = find("Secret", namespace, name);
        return secret === undefined ? undefined : secretData(secret);
      },
      readServiceAccount: async (namespace, name) => {
        const account = find("ServiceAccount", namespace, name);
        const secrets = field(account, "imagePullSecrets");
        return Array.isArray(secrets) ? secrets.flatMap((one: unknown) => textField(one, "name") ?? []) : undefined;
      },
    },
    reports: (digest): readonly StoredReport[] => reports.get(digest) ?? [],
  };
};

const notesOf = (policies: readonly CompiledPolicy[]): readonly string[] =>
  policies.flatMap(({ name, faults }) =>
    faults.map(({ reason, path, message }) => `policy ${name} is not Ready here: ${reason}: ${path}: ${message}`),
  );

const reportOf = (result: CheckResult, output: CheckFlags["output"]): string => {
  switch (output) {
    case "text":
      return textReport(result, process.stdout.isTTY && !process.env["NO_COLOR"] ? COLOURED : PLAIN);
    case "json":
      return jsonReport(result);
    case "sarif":
      return sarifReport(result);
    case "junit":
      return junitReport(result);
  }
};

const exitCodeOf = ({ objects, attested = [] }: CheckResult, failOn: CheckFlags["failOn"]): number => {
  if (attested.some(({ status }) => status === "failed")) return FAILED;
  const bad = objects.some(({ verdict }) => verdict === "deny" || (failOn === "warn" && verdict === "warn"));
  return bad ? DENIED : PASSED;
};
