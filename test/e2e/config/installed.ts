import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { runOperator, type RunningOperator } from "../../../operator/run.ts";
import { readSettings } from "../../../operator/settings/settings.ts";
import type { Cluster } from "../harness/cluster.ts";
import { configFolder } from "./kustomize.ts";

/** The operator's namespace in `config/`. */
export const OWN = "image-security-system";

/** What `config/default` installs, and an operator in this process that has its rights alone. */
export interface Installed {
  /** `logged`: what it logs is added here, a line each. */
  readonly start: (logged: string[], ...flags: readonly string[]) => Promise<RunningOperator>;
}

/** Applies `config/default` or an overlay of it, as an administrator would, and makes a token for the operator's ServiceAccount. */
export async function install(cluster: Cluster, folder: string = configFolder("default")): Promise<Installed> {
  const kubectl = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await cluster.kubectl(...args);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  await kubectl("apply", "-k", folder);
  await kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=20s");
  return await operatorOf(cluster);
}

/** An operator in this process that has the rights of the ServiceAccount alone, whoever installed them. */
export async function operatorOf(cluster: Cluster): Promise<Installed> {
  const made = await cluster.kubectl("create", "token", "image-security", "-n", OWN);
  assert.equal(made.code, 0, made.stderr);
  const kubeconfig = join(cluster.controlPlane.directory, "kubeconfig-service-account");
  await writeFile(kubeconfig, withToken(cluster, made.stdout));
  return {
    start: (logged, ...flags) => {
      const own = ["--webhook-host=127.0.0.1", "--webhook-port=0", "--metrics-host=127.0.0.1", "--audit-interval=2s"];
      const read = readSettings([`--kubeconfig=${kubeconfig}`, "--metrics-port=0", ...own, ...flags], {});
      const log = (level: string) => (message: string, meta?: object) =>
        void logged.push(`${level} ${message} ${JSON.stringify(meta ?? {})}`);
      return runOperator(read.status === "ok" ? read.settings : assert.fail(JSON.stringify(read)), {
        log: {
          error: log("error"),
          warn: log("warn"),
          info: log("info"),
          debug: log("debug"),
          isLevelEnabled: (level: string) => level !== "debug",
        },
      });
    },
  };
}

/** The cluster's kubeconfig with a token instead of the administrator's certificate. */
const withToken = (cluster: Cluster, token: string): string => {
  const config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
  const server = config.getCurrentCluster();
  assert.ok(server);
  config.loadFromClusterAndUser(server, {
    name: "image-security",
    token: token.trim(),
  });
  return config.exportConfig();
};
