/** What Node 20 and 22 have not yet of the language; the published command line runs on them (bundled by cli/bundle.ts). */
import "core-js/actual/promise/with-resolvers.js";
import "core-js/actual/map/group-by.js";
import "core-js/actual/object/group-by.js";
import "core-js/actual/iterator/index.js";
import "core-js/actual/array/from-async.js";
import "core-js/actual/set/index.js";
import "core-js/actual/url/parse.js";
import "core-js/actual/async-disposable-stack/index.js";
import "core-js/actual/disposable-stack/index.js";
import workers from "node:worker_threads";
import zlib from "node:zlib";

// undici binds it when it is loaded; no registry sends zstd to whoever does not ask for it.
if (!("createZstdDecompress" in zlib))
  Object.assign(zlib, {
    createZstdDecompress: () => {
      throw new Error("zstd needs Node 22.15");
    },
  });
// Marks objects that cannot be sent to other threads; nothing is sent here.
if (!("markAsUncloneable" in workers)) Object.assign(workers, { markAsUncloneable: () => undefined });
