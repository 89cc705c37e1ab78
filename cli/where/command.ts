import { Command, Option } from "commander";
import { storedReport } from "../../evidence/scan/formats/vulnerabilityReport.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { workloadsOf } from "../audit/workloads.ts";
import { namespacesIn } from "../check/namespaces.ts";
import { clusterEvidence } from "../cluster/clusterEvidence.ts";
import { clusterManifests } from "../cluster/clusterManifests.ts";
import { connect, listAll } from "../cluster/connect.ts";
import { addClusterFlags, type ClusterFlags } from "../cluster/flags.ts";
import { DENIED, PASSED } from "../exitCode.ts";
import { policiesIn, resolveIn } from "../input/policyFiles.ts";
import { lazyEvidence } from "../lazyEvidence.ts";
import { addRegistryFlags, type RegistryFlags } from "../registryFlags.ts";
import { table } from "../table.ts";
import { find, type Place } from "./find.ts";
import { readQuery, type Query } from "./query.ts";

interface WhereFlags extends RegistryFlags, ClusterFlags {
  readonly namespace?: string;
  readonly output: "text" | "json";
}

/** `image-security where`: which pods and templates name or run an image, a vulnerability, or what somebody signed. */
export const whereCommand = (): Command =>
  addClusterFlags(
    addRegistryFlags(
      new Command("where")
        .description(
          "say which pods and templates name or run a digest, an image, a vulnerability or what somebody signed",
        )
        .argument("<what>", "sha256:..., an image or pattern, CVE-..., https://... or a mail address, key:sha256:...")
        .option("-n, --namespace <name>", "one namespace (default: all)")
        .option("-A, --all-namespaces", "all namespaces, which is the default")
        .addOption(new Option("--output <format>", "how it is told").choices(["text", "json"]).default("text")),
    ),
  ).action(async (what: string, flags: WhereFlags) => {
    const places = await where(readQuery(what), flags);
    if (flags.output === "json") process.stdout.write(`${JSON.stringify(places, undefined, 2)}\n`);
    else if (places.length > 0) process.stdout.write(textOf(places));
    else console.error(`${what} is nowhere`);
    process.exitCode = places.length > 0 ? PASSED : DENIED;
  });

const where = async (query: Query, flags: WhereFlags): Promise<readonly Place[]> => {
  const { client } = connect(flags);
  try {
    const workloads = await workloadsOf(client, flags.namespace, { finished: true });
    // By the objects alone, so that it works where nothing of ours is installed.
    const asksEvidence = query.type !== "digest" && query.type !== "image";
    const judgedBy = asksEvidence ? await clusterManifests(client) : [];
    const { policies } = policiesIn(judgedBy, resolveIn(judgedBy), Date.now());
    const namespaces = namespacesIn(judgedBy, []);
    const evidence = lazyEvidence(flags, () => clusterEvidence(client, judgedBy));
    try {
      return await find(workloads, query, {
        policies,
        gather: evidence.gather,
        namespaceLabels: (name) => namespaces.get(name) ?? {},
        reported: query.type === "vulnerability" ? await digestsWith(query.id, client) : new Set(),
        now: Date.now,
      });
    } finally {
      await evidence.close();
    }
  } finally {
    await client.close();
  }
};

/** By trivy-operator's reports, whether a policy asks for them or not. */
const digestsWith = async (id: string, client: KubeClient): Promise<ReadonlySet<string>> => {
  const path = "/apis/aquasecurity.github.io/v1alpha1/vulnerabilityreports";
  const reports = (await listAll(client, path, { optional: true })).flatMap((object) => storedReport(object) ?? []);
  return new Set(
    reports.flatMap(({ digest, content }) =>
      content.status === "ok" && content.report.vulnerabilities.some((one) => one.id.toUpperCase() === id)
        ? [digest]
        : [],
    ),
  );
};

const textOf = (places: readonly Place[]): string =>
  `${table([
    ["NAMESPACE", "OWNER", "OBJECT", "CONTAINER", "STATE", "IMAGE", "DIGEST"],
    ...places.map(({ namespace, owner, kind, name, container, state, image, digest }) => [
      namespace,
      owner,
      `${kind}/${name}`,
      container,
      state,
      image,
      digest === "" ? "-" : digest.slice(0, 19),
    ]),
  ]).join("\n")}\n`;
