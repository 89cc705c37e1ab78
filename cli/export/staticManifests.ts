import { stringify } from "yaml";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { guardPair } from "../../operator/admissionPolicies/guard.ts";
import { pairOf, type AdmissionPolicyPair } from "../../operator/admissionPolicies/generate.ts";
import { NAME_PREFIX } from "../../operator/admissionPolicies/wanted.ts";
import { compileAdmissionRules } from "../../policy/admissionPolicies/compile.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import { listAll } from "../cluster/connect.ts";
import { manifestOf } from "../cluster/clusterManifests.ts";
import { GROUP, isOurs, policiesIn } from "../input/policyFiles.ts";
import { readManifests, type Manifest } from "../input/manifests.ts";
import { readFiles } from "../input/yamlFiles.ts";
import type { StaticFlags } from "./command.ts";

/** Names of what comes from files, which nobody can make through the API (KEP-5793). */
const SUFFIX = ".static.k8s.io";
/** The first line of every file of ours. */
export const HEADER =
  "# Written by `image-security export static-manifests`; --check says whether it is what it should be.";

export interface StaticManifests {
  /** Contents by name. */
  readonly files: ReadonlyMap<string, string>;
  readonly pairs: readonly AdmissionPolicyPair[];
  /** For whoever runs it: what is not in the files, and why. */
  readonly notes: readonly string[];
}

/** What is written for the policies of a cluster, or of files. */
export const staticManifests = async (client: KubeClient, flags: StaticFlags): Promise<StaticManifests> => {
  const now = Date.now();
  const manifests =
    flags.policy === undefined ? await clusterPolicies(client) : readManifests(await readFiles(flags.policy)).manifests;
  const read = policiesIn(manifests.filter(isOurs), () => ({ status: "missing", message: "is not read" }), now);
  const policies = read.policies.map(withoutKeys);
  const [operatorNamespace = ""] = flags.serviceAccount.split(":");
  const notes: string[] = [];
  const pairs = policies.flatMap((policy): readonly AdmissionPolicyPair[] => {
    const said = compileAdmissionRules(policy, {
      policies,
      exceptions: read.exceptions,
      placeholders: flags.templatePlaceholders,
      now,
    });
    if (said.status === "unsaid") {
      notes.push(`${policy.name} is left out: ${said.message}`);
      return [];
    }
    notes.push(`${policy.name}: left to the webhook: ${said.left.join("; ")}`);
    return [
      pairOf(said.rules, {
        name: `${NAME_PREFIX}${policy.name}${SUFFIX}`,
        labels: {},
        excludeNamespaces: [operatorNamespace, ...flags.excludeNamespaces],
      }),
    ];
  });
  const guard = guardPair({
    name: `image-security-guard${SUFFIX}`,
    groups: flags.groups,
    serviceAccount: flags.serviceAccount,
  });
  const all = [...pairs, guard];
  return { files: new Map(all.map((pair) => [fileOf(pair), contentOf(pair)])), pairs: all, notes };
};

const clusterPolicies = async (client: KubeClient): Promise<readonly Manifest[]> => {
  const lists = [
    ["ImageSecurityPolicy", "imagesecuritypolicies"],
    ["ImageSecurityException", "imagesecurityexceptions"],
  ] as const;
  const found = await Promise.all(
    lists.map(async ([kind, plural]) =>
      (await listAll(client, `/apis/${GROUP}/v1/${plural}`)).map((object) => manifestOf(`${GROUP}/v1`, kind, object)),
    ),
  );
  return found.flat();
};

/** Keys and roots say nothing of what is written here, and whoever runs this need not be able to read them. */
const withoutKeys = (policy: CompiledPolicy): CompiledPolicy => ({
  ...policy,
  faults: policy.faults.filter(({ reason }) => reason !== "ReferenceNotFound" && reason !== "NamespaceNotTrusted"),
});

const fileOf = ({ policy }: AdmissionPolicyPair): string => `${policy.metadata.name.slice(0, -SUFFIX.length)}.yaml`;

/** One file for both: neither is ever read without the other. */
const contentOf = ({ policy, binding }: AdmissionPolicyPair): string =>
  `${HEADER}\n${[policy, binding].map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join("---\n")}`;
