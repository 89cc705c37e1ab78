import { type DockerConfigEntry, parseDockerConfig } from "./dockerConfig.ts";

/** The entries of a Secret of type `kubernetes.io/dockerconfigjson` or `kubernetes.io/dockercfg`; none where it is another. */
export function pullSecretEntries(data: Readonly<Record<string, string>> | undefined): readonly DockerConfigEntry[] {
  const encoded = data?.[".dockerconfigjson"] ?? data?.[".dockercfg"];
  return encoded === undefined ? [] : parseDockerConfig(Buffer.from(encoded, "base64").toString("utf8"));
}
