import { Command } from "commander";
import { addClusterFlags, type ClusterFlags } from "../cluster/flags.ts";
import { DENIED, PASSED, UsageError } from "../exitCode.ts";
import { connect } from "../cluster/connect.ts";
import { addTemplateFlags, type TemplateFlags } from "../settingFlags.ts";
import { compareFiles, writeFiles } from "./files.ts";
import { staticManifests } from "./staticManifests.ts";
import { validateByServer } from "./validateByServer.ts";

/** What a user may say of `static-manifests`. */
export interface StaticFlags extends ClusterFlags, TemplateFlags {
  readonly groups: readonly string[];
  readonly check: boolean;
  readonly policy?: readonly string[];
  readonly excludeNamespaces: readonly string[];
  readonly serviceAccount: string;
}

/** `image-security export`: what the operator enforces, for others to enforce. */
export const exportCommand = (): Command =>
  new Command("export")
    .description("write what policies refuse for an API server to enforce by itself")
    .addCommand(staticManifestsCommand());

const staticManifestsCommand = (): Command =>
  addClusterFlags(
    addTemplateFlags(new Command("static-manifests"))
      .description(
        "write ValidatingAdmissionPolicies, and a guard over what image-security consists of, as files that an API server of Kubernetes 1.37 reads",
      )
      .argument("<dir>", "folder of the files: staticManifestsDir of every API server")
      .requiredOption("--groups <names>", "groups whose members may change what is guarded", names)
      .option("--check", "write nothing; end with 1 where the files are not what would be written", false)
      .option("--policy <path...>", "policies and exceptions from files, in place of the cluster's")
      .option(
        "--exclude-namespaces <names>",
        "namespaces that admission leaves out, as the operator's flag says; its own always",
        names,
        ["kube-system"],
      )
      .option(
        "--service-account <namespace:name>",
        "the operator's, which keeps its configurations and policies",
        "image-security-system:image-security",
      ),
  ).action(async (directory: string, flags: StaticFlags) => {
    process.exitCode = await exportStatic(directory, flags);
  });

const exportStatic = async (directory: string, flags: StaticFlags): Promise<number> => {
  if (!/^[a-z0-9-]+:[a-z0-9.-]+$/.test(flags.serviceAccount))
    throw new UsageError(`--service-account ${flags.serviceAccount} is not NAMESPACE:NAME`);
  const { client } = connect(flags);
  try {
    const { files, pairs, notes } = await staticManifests(client, flags);
    for (const note of notes) console.error(note);
    if (flags.check) {
      const differences = await compareFiles(directory, files);
      for (const line of differences) process.stdout.write(`${line}\n`);
      return differences.length === 0 ? PASSED : DENIED;
    }
    // An API server that finds one invalid file does not start.
    await validateByServer(client, pairs);
    for (const line of await writeFiles(directory, files)) process.stdout.write(`${line}\n`);
    return PASSED;
  } finally {
    await client.close();
  }
};

/** Names between commas; none at all would guard against everybody, or leave nothing out that has to be. */
function names(value: string): readonly string[] {
  const list = value.split(",").map((name) => name.trim());
  if (list.some((name) => name === ""))
    throw new UsageError(`"${value}" has an empty name; write names between commas`);
  return list;
}
