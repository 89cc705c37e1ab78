#!/usr/bin/env node
import { runProgram } from "./program.ts";

await runProgram({
  operator: {
    about: "run the operator against a cluster",
    load: async () => (await import("./operator.ts")).operatorCommand(),
  },
  sandbox: {
    about: "a throwaway API server, a registry and the operator on this machine, to try the policies",
    load: async () => (await import("./sandbox.ts")).sandboxCommand(),
  },
  // The operator's image leaves these out, and what they need.
  ...(await import("./commands.ts").then(
    ({ COMMANDS }) => COMMANDS,
    () => ({}),
  )),
});
