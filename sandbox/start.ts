import type { JsonObject } from "../json/fields.ts";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { KubeConfig } from "@kubernetes/client-node";
import { createKubeClient } from "../kube/kubeClient.ts";
import { runOperator } from "../operator/run.ts";
import { readSettings, type Settings } from "../operator/settings/settings.ts";
import { applyManifests, readManifests } from "./applyManifests.ts";
import { findBinaries, findKubectl } from "./binaries/findBinaries.ts";
import { ControlPlane } from "./controlPlane.ts";
import { installCrds } from "./installCrds.ts";
import { operatorFlags } from "./operatorFlags.ts";
import { policiesReady } from "./policiesReady.ts";
import { ProcessGuard } from "./processes/processGuard.ts";
import {
  claimFolder,
  filesOfRunning,
  releaseFolder,
  removeReady,
  webhookClientCaFile,
  writeReady,
  type ReadyInfo,
} from "./readyFile.ts";
import { makeReleaseKey } from "./releaseKey.ts";
import { addSampleEvidence } from "./registry/sampleEvidence.ts";
import { addSamples, sampleRegistry, samples } from "./registry/samples.ts";
import { startRegistry, type SandboxRegistry } from "./registry/server.ts";
import { supervise } from "./supervise.ts";
import type { Report } from "./progress.ts";
import { within } from "../async/signals.ts";

export interface SandboxOptions {
  /** Where `ready.json` and the kubeconfig go. */
  readonly folder: string;
  /** No sample policies. */
  readonly empty: boolean;
  /** The registry's port where that is free, else another one. */
  readonly port: number;
  readonly report: Report;
  /** More of the operator's flags; they win over the sandbox's own. */
  readonly operatorFlags?: readonly string[];
  /** Ends a start that is on its way. */
  readonly signal: AbortSignal;
}

/** A sandbox that is up. */
export interface Sandbox {
  readonly ready: ReadyInfo;
  /** Path of kubectl; absent where there is none and none can be had. */
  readonly kubectl: string | undefined;
  /** Ends everything; nothing runs and `ready.json` is gone when the promise resolves. */
  readonly stop: () => Promise<void>;
}

const earlyPod = (name: string, image: string): JsonObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace: "default", name },
  spec: { containers: [{ name, image }] },
});
const earlyPods = [earlyPod("web", "nginx:1.21"), earlyPod("api", `${sampleRegistry}/team/app:v1`)];

/** Milliseconds for the operator's clean end: without an API server it would wait for one to give its Lease back. */
const endPatience = 5000;

const inProject = (place: string): string => fileURLToPath(new URL(`../${place}`, import.meta.url));

/** Starts a whole sandbox and resolves when admission is judged by the policies that are in it. Rejects with nothing left over. */
export const startSandbox = async (options: SandboxOptions): Promise<Sandbox> => {
  const { empty, report, signal } = options;
  const folder = resolve(options.folder);
  await claimFolder(folder);

  await using stack = new AsyncDisposableStack();
  const guard = new ProcessGuard();
  stack.defer(() => guard.close());
  stack.defer(() => releaseFolder(folder));
  for (const file of filesOfRunning(folder)) guard.removeAtEnd(file);

  const registry = await startRegistryNear(options.port, report);
  stack.defer(() => registry.close());
  addSamples(registry.store);
  addSampleEvidence(registry.store, await makeReleaseKey(folder), new Date());
  report(`the registry is ready at ${registry.host} with ${samples.length} sample images`);
  const kubeconfig = join(folder, "kubeconfig");
  // Wrong flags are told of before anything is built.
  const webhookClientCa = webhookClientCaFile(folder);
  const settings = settingsFor(options, { kubeconfig, registryUrl: registry.url, webhookClientCa });

  report("looking for etcd and kube-apiserver");
  const binaries = await findBinaries({ report, guard, signal });
  signal.throwIfAborted();
  report(
    `starting them (from ${binaries.source === "cache" ? "the cache" : binaries.source}: ${binaries.kubeApiserver})`,
  );
  const plane = await ControlPlane.start({ ...binaries, guard, signal });
  const ending = new AbortController();
  stack.defer(async () => {
    ending.abort();
    await plane.stop();
  });
  supervise(plane, report, ending.signal);
  await writeFile(kubeconfig, await readFile(plane.kubeconfig), { mode: 0o600 });
  await writeFile(webhookClientCa, plane.webhookClient.caPem);
  report(`the API server is ready at ${plane.server}`);
  signal.throwIfAborted();

  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const client = createKubeClient(config, "image-security");
  stack.defer(() => client.close());
  const crds = await installCrds(plane.admin);
  // The operator's own, which it does not make for itself, and the one where the documented commands put keys.
  const namespaces = [settings.namespace, "opa-system"];
  await applyManifests(
    client,
    namespaces.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
  );
  report(`${crds.length} CRDs are established`);
  signal.throwIfAborted();

  const operator = await runOperator(settings);
  stack.defer(() => within(operator.stop(), { milliseconds: endPatience, ref: false }, () => undefined));
  signal.throwIfAborted();
  await within(operator.ready, { signal }, () => signal.throwIfAborted());
  report(`the operator is ready at ${operator.webhookUrl}`);

  if (!empty) {
    // Before the policies, as in a cluster that had none: what the audit finds.
    await applyManifests(client, earlyPods);
    await applyManifests(client, await readManifests(inProject("config/samples")));
    for (const { name, ready, reason, message } of await policiesReady(client, 30_000, signal)) {
      report(`policy ${name} is ${ready ? "in force" : `not Ready: ${reason} ${message}`}`);
    }
  }
  const kubectl = await findKubectl(binaries, { report, guard, signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    report(error instanceof Error ? error.message : String(error));
    return undefined;
  });

  const ready: ReadyInfo = {
    kubeconfig,
    registry: registry.host,
    metrics: operator.metricsUrl ?? "",
    webhook: operator.webhookUrl,
    pid: process.pid,
  };
  // It goes before everything else: what the file promises holds for as long as it is there.
  stack.defer(() => removeReady(folder));
  signal.throwIfAborted();
  await writeReady(folder, ready);
  const running = stack.move();
  return { ready, kubectl, stop: () => running.disposeAsync() };
};

const startRegistryNear = async (port: number, report: Report): Promise<SandboxRegistry> => {
  try {
    return await startRegistry({ port });
  } catch (error) {
    const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    if (!isTaken) throw error;
    report(`port ${port} is taken: the registry takes another one`);
    return startRegistry();
  }
};

const settingsFor = (options: SandboxOptions, places: Parameters<typeof operatorFlags>[0]): Settings => {
  const result = readSettings(operatorFlags(places, options.operatorFlags), process.env);
  if (result.status === "ok") return result.settings;
  throw new Error(result.messages.join("\n"));
};
