import { openReaders, patient } from "../../unit/evidence/registry/support/readers.ts";

/** A process of its own, in which nothing else takes memory: reads one blob, and prints its length and the most bytes that it took beyond the start. */
const [port, digest = ""] = process.argv.slice(2);
const taken = (): number => {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
await using readers = openReaders();
const repository = readers.open(`127.0.0.1:${port}/team/app`);
const before = taken();
let most = 0;
const timer = setInterval(() => (most = Math.max(most, taken() - before)), 10);
const blob = await repository.blob(digest, 10 * 1024 * 1024, patient());
clearInterval(timer);
process.stdout.write(
  JSON.stringify({
    read: blob.status === "verified" ? blob.value.length : blob.status,
    memory: Math.max(most, taken() - before),
  }),
);
