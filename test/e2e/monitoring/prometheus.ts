import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../../sandbox/freePort.ts";
import { ProcessGuard } from "../../../sandbox/processes/processGuard.ts";
import { ServerProcess } from "../../../sandbox/processes/serverProcess.ts";
import { onPath } from "../harness/onPath.ts";

/** One series of an answer; instant values are a list of one. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly number[];
  /** Of each value, in seconds since the epoch. */
  readonly times: readonly number[];
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value?: readonly [number, string];
      readonly values?: readonly (readonly [number, string])[];
    }[];
  };
}

/** Path of Prometheus, if it is installed (Debian's package `prometheus`). */
export const findPrometheus = (): string | undefined => onPath("prometheus");

/** How a target is scraped. */
export interface Scraping {
  /** Of a metric's own labels and the target's, whether the metric's count. */
  readonly honorLabels: boolean;
  /** The target's. */
  readonly labels: Readonly<Record<string, string>>;
}

/** What is scraped. */
export interface Target extends Scraping {
  /** Of its metrics. */
  readonly url: string;
  /** Paths of files, as Prometheus calls them; absent: it is not asked over TLS. */
  readonly tls?: { readonly ca_file: string; readonly cert_file: string; readonly key_file: string };
}

/** A real Prometheus on 127.0.0.1 that scrapes every two seconds. */
export class Prometheus {
  readonly #url: string;
  readonly #folder: string;
  readonly #server: ServerProcess;
  readonly #guard: ProcessGuard;

  private constructor(url: string, folder: string, server: ServerProcess, guard: ProcessGuard) {
    this.#url = url;
    this.#folder = folder;
    this.#server = server;
    this.#guard = guard;
  }

  static async start(path: string, targets: readonly Target[]): Promise<Prometheus> {
    const folder = await mkdtemp(join(tmpdir(), "image-security-prometheus-"));
    const config = {
      // A busy machine may take more than a second to answer.
      global: { scrape_interval: "2s", scrape_timeout: "2s" },
      scrape_configs: targets.map(({ url, honorLabels, labels, tls }, index) => ({
        job_name: `target-${index}`,
        scheme: new URL(url).protocol.slice(0, -1),
        metrics_path: new URL(url).pathname,
        honor_labels: honorLabels,
        static_configs: [{ targets: [new URL(url).host], labels }],
        ...(tls === undefined ? {} : { tls_config: tls }),
      })),
    };
    // JSON is YAML.
    await writeFile(join(folder, "prometheus.yml"), JSON.stringify(config));
    await mkdir(join(folder, "data"));
    const address = `127.0.0.1:${await freePort()}`;
    const guard = new ProcessGuard();
    guard.removeAtEnd(folder);
    const server = await ServerProcess.start({
      name: "prometheus",
      command: path,
      args: [
        `--config.file=${join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=${address}`,
      ],
      logFile: join(folder, "log"),
      guard,
      isReady: async () => (await fetch(`http://${address}/-/ready`)).ok,
    });
    return new Prometheus(`http://${address}`, folder, server, guard);
  }

  /** What a query gives now. Rejects with Prometheus' words where it is none. */
  instant(query: string): Promise<readonly Series[]> {
    return this.#ask("query", { query });
  }

  /** What a query gives over the last so many seconds, in so many steps. */
  range(query: string, seconds = 30, steps = 30): Promise<readonly Series[]> {
    const end = Date.now() / 1_000;
    const step = String(seconds / steps);
    return this.#ask("query_range", { query, start: String(end - seconds), end: String(end), step });
  }

  /** The values of a label among the series that match. */
  async labelValues(label: string, match: string): Promise<readonly string[]> {
    const response = await fetch(`${this.#url}/api/v1/label/${label}/values?match[]=${encodeURIComponent(match)}`);
    return ((await response.json()) as { readonly data: readonly string[] }).data;
  }

  async stop(): Promise<void> {
    await this.#server.stop("SIGKILL");
    await this.#guard.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #ask(what: "query" | "query_range", parameters: Readonly<Record<string, string>>): Promise<readonly Series[]> {
    const response = await fetch(`${this.#url}/api/v1/${what}`, {
      method: "POST",
      body: new URLSearchParams(parameters),
    });
    // Prometheus' HTTP API, as its documentation describes it.
    const { status, error, data } = (await response.json()) as Answer;
    if (status !== "success") throw new Error(`${parameters["query"]}: ${error}`);
    return data.result.map(({ metric, value, values = value === undefined ? [] : [value] }) => ({
      metric,
      values: values.map(([, text]) => Number(text)),
      times: values.map(([time]) => time),
    }));
  }
}
