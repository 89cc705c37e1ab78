import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";

/** The common name that the sandbox's API server shows to webhooks. */
export const webhookClientName = "sandbox-apiserver";

/**
 * Writes what has an API server show the certificate of the file `client`, which holds its key too, to webhooks
 * (docs/authenticating-api-servers.md). Gives the path for `--admission-control-config-file`. `*`: the ports of webhooks by URL are not known when it starts.
 */
export const writeWebhookAuthentication = async (folder: string, client: string): Promise<string> => {
  const kubeConfigFile = join(folder, "webhooks.yaml");
  await writeFile(
    kubeConfigFile,
    stringify({
      apiVersion: "v1",
      kind: "Config",
      users: [{ name: "*", user: { "client-certificate": client, "client-key": client } }],
    }),
  );
  const plugin = (name: string): object => ({
    name,
    configuration: { apiVersion: "apiserver.config.k8s.io/v1", kind: "WebhookAdmissionConfiguration", kubeConfigFile },
  });
  const admission = join(folder, "admission.yaml");
  await writeFile(
    admission,
    stringify({
      apiVersion: "apiserver.config.k8s.io/v1",
      kind: "AdmissionConfiguration",
      plugins: [plugin("ValidatingAdmissionWebhook"), plugin("MutatingAdmissionWebhook")],
    }),
  );
  return admission;
};
