import { compileGlob } from "./glob.ts";
import { HUB, HUB_ALIASES, isPort } from "./host.ts";

/** A host with wildcards, part by part. */
export interface HostGlob {
  /** Lower-case, each a glob. */
  readonly labels: readonly string[];
  /** Empty: a host without one. */
  readonly port: string;
  /** It fits one of Docker Hub's names, and so docker.io. */
  readonly fitsHub: boolean;
}

/**
 * A host with wildcards: `*` within one label. Ports are literal; a glob without one means hosts without one. A glob
 * that fits any of Docker Hub's names fits docker.io, so that `*.docker.io` in a deny list means what it says.
 */
export function compileHostGlob(
  written: string,
):
  | { readonly status: "ok"; readonly form: HostGlob; readonly matches: (registry: string) => boolean }
  | { readonly status: "fault"; readonly message: string } {
  const colon = written.indexOf(":");
  const port = colon < 0 ? "" : written.slice(colon + 1);
  if (colon >= 0 && !isPort(port)) return fault(`port ${JSON.stringify(port)} is not a number from 1 to 65535`);
  const labels = (colon < 0 ? written : written.slice(0, colon)).toLowerCase().split(".");
  for (const label of labels) {
    if (label.includes("**")) return fault(`has "**" in its host; write * for one label, or ** alone for any host`);
    if (!/^[a-z0-9*](?:[a-z0-9*-]*[a-z0-9*])?$/.test(label)) {
      return fault(`${JSON.stringify(label)} is not a label of a host name, nor a glob over one`);
    }
  }
  const globs = labels.map(compileGlob);
  const wantedPort = port === "443" && labels.length > 1 ? "" : port;
  const fits = (host: string): boolean => {
    const at = host.indexOf(":");
    if (host.startsWith("[") || (at < 0 ? "" : host.slice(at + 1)) !== wantedPort) return false;
    const parts = (at < 0 ? host : host.slice(0, at)).split(".");
    return parts.length === globs.length && globs.every((matches, index) => matches(parts[index] ?? ""));
  };
  const fitsHub = [HUB, ...HUB_ALIASES].some(fits);
  const form = { labels, port: wantedPort, fitsHub };
  return { status: "ok", form, matches: (registry) => (registry === HUB ? fitsHub : fits(registry)) };
}

function fault(message: string): { readonly status: "fault"; readonly message: string } {
  return { status: "fault", message };
}
