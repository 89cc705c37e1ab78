/** Node 20 and 22, on which the published command line runs as well (bundled by cli/bundle.ts). */
import workers from "node:worker_threads";
import zlib from "node:zlib";

// To load them costs a newer one a fifth of its start: core-js looks at `fetch`, and Node then loads all that is behind it.
if (!("AsyncDisposableStack" in globalThis)) await import("./polyfills.ts");

// undici binds it when it is loaded; no registry sends zstd to whoever does not ask for it.
if (!("createZstdDecompress" in zlib))
  Object.assign(zlib, {
    createZstdDecompress: () => {
      throw new Error("zstd needs Node 22.15");
    },
  });
// Marks objects that cannot be sent to other threads; nothing is sent here.
if (!("markAsUncloneable" in workers)) Object.assign(workers, { markAsUncloneable: () => undefined });
