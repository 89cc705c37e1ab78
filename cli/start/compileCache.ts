import module from "node:module";
import { join } from "node:path";
import { userCache } from "../../sandbox/binaries/cacheDirectory.ts";

// What V8 made of these files is kept for the next run, where Node can (22.1 and newer) and the folder can be written. Among the user's
// own files, not in the temporary folder that Node takes by itself: whoever may write there would say what runs here.
if ("enableCompileCache" in module) module.enableCompileCache(join(userCache(), "compiled"));
