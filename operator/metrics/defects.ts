import type { Log } from "../../kube/log.ts";

/**
 * What nobody caught is a defect, and the state of the process is unknown: it is logged and the process ends with 1, so that a fresh one
 * takes its place; the webhook's failurePolicy holds in between. Only an abort that nobody waited for is harmless.
 */
export function exitOnDefects(log: Log, exit: (code: number) => void = (code) => process.exit(code)): void {
  process.on("uncaughtException", (error) => {
    log.error("an exception that nobody caught", { error: describe(error) });
    exit(1);
  });
  process.on("unhandledRejection", (reason) => {
    if (reason instanceof Error && reason.name === "AbortError") {
      log.warn("an abort that nobody waited for", { error: describe(reason) });
      return;
    }
    log.error("a rejection that nobody handled", { error: describe(reason) });
    exit(1);
  });
}

const describe = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));
