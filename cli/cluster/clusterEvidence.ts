import { storedReport } from "../../evidence/scan/formats/vulnerabilityReport.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import { fieldsOf, listOf, textOf } from "../../json/fields.ts";
import type { Manifest } from "../input/manifests.ts";
import { secretData } from "../input/policyFiles.ts";
import type { UserEvidenceOptions } from "../userEvidence.ts";
import { getOne, listAll } from "./connect.ts";

/** Pull secrets are read with the user's own rights; one that they may not read is none. */
export const clusterEvidence = async (
  client: KubeClient,
  judgedBy: readonly Manifest[],
): Promise<UserEvidenceOptions> => {
  const asks = judgedBy.some(({ object }) => JSON.stringify(object).includes('"vulnerabilityReport"'));
  const listed = asks
    ? await listAll(client, "/apis/aquasecurity.github.io/v1alpha1/vulnerabilityreports", { optional: true })
    : [];
  const reports = Map.groupBy(
    listed.flatMap((object) => storedReport(object) ?? []),
    ({ digest }) => digest,
  );
  const inNamespace = (namespace: string, plural: string, name: string): string =>
    `/api/v1/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(name)}`;
  return {
    reports: (digest) => reports.get(digest) ?? [],
    cluster: {
      readSecret: async (namespace, name) => {
        const secret = await getOne(client, inNamespace(namespace, "secrets", name));
        return secret === undefined ? undefined : secretData(secret);
      },
      readServiceAccount: async (namespace, name) => {
        const account = await getOne(client, inNamespace(namespace, "serviceaccounts", name));
        return account === undefined
          ? undefined
          : listOf(fieldsOf(account)["imagePullSecrets"]).flatMap((one) => textOf(fieldsOf(one)["name"]) || []);
      },
    },
  };
};
