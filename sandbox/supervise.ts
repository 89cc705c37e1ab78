import { setTimeout as sleep } from "node:timers/promises";
import type { ControlPlane } from "./controlPlane.ts";
import type { ServerProcess } from "./processes/serverProcess.ts";
import type { Report } from "./progress.ts";

/** Starts etcd and the API server again when they end by themselves, as a kubelet would, until the signal. */
export const supervise = (plane: ControlPlane, report: Report, signal: AbortSignal): void => {
  const keep = async (name: string, current: () => ServerProcess | undefined, start: () => Promise<void>) => {
    while (!signal.aborted) {
      await current()?.exited;
      if (signal.aborted) return;
      report(`${name} ended: starting it again`);
      try {
        await start();
        report(`${name} is back`);
      } catch (error) {
        if (signal.aborted) return;
        report(String(error));
        await sleep(1000);
      }
    }
  };
  // Neither rejects: what can fail is caught and said above.
  void keep(
    "etcd",
    () => plane.etcd,
    () => plane.startEtcd(),
  );
  void keep(
    "kube-apiserver",
    () => plane.apiServer,
    () => plane.startApiServer(),
  );
};
