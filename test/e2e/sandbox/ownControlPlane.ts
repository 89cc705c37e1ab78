/** Starts a control plane, prints its processes, and waits to be killed; a line on standard input throws. */
import { findBinaries } from "../../../sandbox/binaries/findBinaries.ts";
import { ControlPlane } from "../../../sandbox/controlPlane.ts";
import { ProcessGuard } from "../../../sandbox/processes/processGuard.ts";

const guard = new ProcessGuard();
const plane = await ControlPlane.start({ ...(await findBinaries()), guard });
process.stdin.on("data", () => {
  throw new Error("as asked");
});
const pids = [plane.etcd?.pid, plane.apiServer?.pid, guard.pid];
console.log(JSON.stringify({ pids, directory: plane.directory }));
