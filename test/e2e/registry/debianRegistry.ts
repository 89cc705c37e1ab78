import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../../sandbox/freePort.ts";

/** The path of Debian's `docker-registry` (distribution 2.8), or undefined where it is not installed. */
export async function findDebianRegistry(): Promise<string | undefined> {
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(directory, "docker-registry");
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

export interface DebianRegistry extends AsyncDisposable {
  readonly host: string;
  readonly url: string;
}

export interface DebianRegistryOptions {
  /** A line of an htpasswd file, with bcrypt. */
  readonly htpasswd?: string;
  /** PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** Starts it on a free port of loopback, its content in a directory that goes with it. */
export async function startDebianRegistry(
  program: string,
  options: DebianRegistryOptions = {},
): Promise<DebianRegistry> {
  const directory = await mkdtemp(join(tmpdir(), "docker-registry-"));
  const host = `127.0.0.1:${await freePort()}`;
  const scheme = options.tls === undefined ? "http" : "https";
  const files = { htpasswd: options.htpasswd, cert: options.tls?.cert, key: options.tls?.key };
  for (const [name, text] of Object.entries(files)) {
    if (text !== undefined) await writeFile(join(directory, name), text);
  }
  const config = [
    "version: 0.1",
    "log: {level: error, accesslog: {disabled: true}}",
    `storage: {filesystem: {rootdirectory: ${join(directory, "content")}}, delete: {enabled: true}}`,
    `http:`,
    `  addr: ${host}`,
    ...(options.tls === undefined
      ? []
      : [`  tls: {certificate: ${join(directory, "cert")}, key: ${join(directory, "key")}}`]),
    ...(options.htpasswd === undefined
      ? []
      : [`auth: {htpasswd: {realm: debian, path: ${join(directory, "htpasswd")}}}`]),
  ];
  await writeFile(join(directory, "config.yml"), `${config.join("\n")}\n`);
  const child = spawn(program, ["serve", join(directory, "config.yml")], { stdio: "ignore" });
  const exited = once(child, "exit");
  await untilListening(host);
  return {
    host,
    url: `${scheme}://${host}`,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function untilListening(host: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    try {
      await fetch(`http://${host}/`, { signal: AbortSignal.timeout(1_000) });
      return;
    } catch (error) {
      // A TLS server answers plain HTTP with a 400, or breaks off: both say that it is there.
      const cause = error instanceof Error ? error.cause : undefined;
      if (cause instanceof Error && "code" in cause && cause.code !== "ECONNREFUSED") return;
    }
    await sleep(50);
  }
  throw new Error("docker-registry did not come up");
}
