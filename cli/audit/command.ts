import { Command, Option } from "commander";
import { compilePolicy } from "../../policy/compile/policy.ts";
import { clusterEvidence } from "../cluster/clusterEvidence.ts";
import { clusterManifests } from "../cluster/clusterManifests.ts";
import { connect } from "../cluster/connect.ts";
import { addClusterFlags, type ClusterFlags } from "../cluster/flags.ts";
import { namespacesIn } from "../check/namespaces.ts";
import { UsageError } from "../exitCode.ts";
import { readManifests } from "../input/manifests.ts";
import { policiesIn, resolveIn } from "../input/policyFiles.ts";
import { readFiles } from "../input/yamlFiles.ts";
import { addRegistryFlags, type RegistryFlags } from "../registryFlags.ts";
import { addTemplateFlags, type TemplateFlags } from "../settingFlags.ts";
import { userEvidence } from "../userEvidence.ts";
import { audit } from "./audit.ts";
import type { AuditResult } from "./auditResult.ts";
import { htmlReport } from "./htmlReport.ts";
import { textReport } from "./textReport.ts";
import { workloadsOf } from "./workloads.ts";

interface AuditFlags extends RegistryFlags, TemplateFlags, ClusterFlags {
  readonly policy: readonly string[];
  readonly namespace?: string;
  readonly output: "text" | "json" | "html";
}

/** Milliseconds for one object. */
const PATIENCE = 60_000;

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** `image-security audit`: see `audit`. */
export const auditCommand = (): Command =>
  addClusterFlags(
    addRegistryFlags(
      addTemplateFlags(new Command("audit"))
        .description("say what would be refused if everything that runs in a cluster were made anew")
        .option(
          "--policy <path>",
          "policies that are not applied yet, or stand for applied ones; repeatable",
          collect,
          [],
        )
        .option("-n, --namespace <name>", "one namespace (default: all)")
        .option("-A, --all-namespaces", "all namespaces, which is the default")
        .addOption(new Option("--output <format>", "how it is told").choices(["text", "json", "html"]).default("text")),
    ),
  ).action(async (flags: AuditFlags) => {
    const result = await auditCluster(flags);
    process.stdout.write(reportOf(result, flags));
    for (const note of result.notes) console.error(note);
  });

const reportOf = (result: AuditResult, { output }: AuditFlags): string => {
  switch (output) {
    case "text":
      // What goes into a file or another program is never cut.
      return textReport(result, process.stdout.columns ?? Infinity);
    case "json":
      return `${JSON.stringify(result, undefined, 2)}\n`;
    case "html":
      return htmlReport(result, new Date());
  }
};

const auditCluster = async (flags: AuditFlags): Promise<AuditResult> => {
  const given = readManifests(await readFiles(flags.policy)).manifests;
  const { client, context } = connect(flags);
  try {
    const judgedBy = [...given, ...(await clusterManifests(client, given))];
    const resolve = resolveIn(judgedBy);
    const { policies, objects, exceptions } = policiesIn(judgedBy, resolve, Date.now());
    if (policies.length === 0) throw new UsageError("there is no ImageSecurityPolicy, neither applied nor in --policy");
    // All of them deny, so that warnings and dry runs show what would come of them.
    const denying = objects.map(({ spec: { enforcementOverrides: _overrides, ...spec }, ...object }) =>
      compilePolicy({ ...object, spec: { ...spec, enforcementAction: "deny" } }, resolve),
    );
    const namespaces = namespacesIn(judgedBy, []);
    // Nothing runs there, which would look like a pass.
    if (flags.namespace !== undefined && !namespaces.has(flags.namespace))
      throw new UsageError(`there is no namespace ${flags.namespace} in the cluster`);
    const workloads = await workloadsOf(client, flags.namespace);
    const evidence = await userEvidence(flags, await clusterEvidence(client, judgedBy));
    try {
      const defects: unknown[] = [];
      const result = await audit(workloads, {
        policies: denying,
        exceptions,
        inForce: new Map(policies.map((policy) => [policy.name, policy])),
        gather: evidence.gather,
        report: (error) => void defects.push(error),
        resolveDigest: evidence.resolveDigest,
        namespaceLabels: (name) => namespaces.get(name) ?? {},
        placeholders: flags.templatePlaceholders,
        now: Date.now,
        timeout: PATIENCE,
        cluster: context,
        notes: policies.flatMap(({ name, faults }) =>
          faults.map(({ reason, path, message }) => `policy ${name} is not Ready: ${reason}: ${path}: ${message}`),
        ),
      });
      const [defect] = defects;
      if (defect !== undefined) throw new Error("an image could not be judged", { cause: defect });
      return result;
    } finally {
      await evidence.close();
    }
  } finally {
    await client.close();
  }
};
