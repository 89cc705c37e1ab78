import { setFlagsFromString } from "node:v8";

/**
 * Fits V8 to an admission webhook, for the whole process, from now on.
 *
 * V8 lets a server's heap grow to several times of what is in use, because it thinks that memory is cheap. An operator beside others' workloads is
 * to be small. Measured with 150,000 pods: 490 instead of 720 MiB, without more CPU.
 *
 * What waits for a registry outlives a scavenge. From some hundred such reviews V8 learns to make what reviews are made of in the old space at once, and
 * goes on to do so when nobody waits any more: a warm review then costs twice as much (200 instead of 110 us), all of it in the collector.
 */
export function fitHeap(): void {
  setFlagsFromString("--heap-growing-percent=40");
  setFlagsFromString("--no-allocation-site-pretenuring");
}
