import "./start/oldNode.ts";
import "./start/compileCache.ts";
import { COMMANDS } from "./commands.ts";
import { runProgram } from "./program.ts";

// What `npm pack` bundles (cli/bundle.ts): no operator and no sandbox, which have ways of their own.
await runProgram(COMMANDS);
