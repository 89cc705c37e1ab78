import { type DockerConfigEntry, parseDockerConfig } from "./dockerConfig.ts";

/** A Secret of 1 MiB has room for 40,000 entries, which would hold everything else up for half a second. People have a dozen. */
const MOST_ENTRIES = 1_000;

/** The entries of a Secret of type `kubernetes.io/dockerconfigjson` or `kubernetes.io/dockercfg`; none where it is another. */
export function pullSecretEntries(data: Readonly<Record<string, string>> | undefined): readonly DockerConfigEntry[] {
  const encoded = data?.[".dockerconfigjson"] ?? data?.[".dockercfg"];
  return encoded === undefined ? [] : parseDockerConfig(Buffer.from(encoded, "base64").toString("utf8"), MOST_ENTRIES);
}
