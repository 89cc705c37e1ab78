#!/usr/bin/env node
import { Command } from "commander";
import { operatorCommand } from "./operator.ts";
import { sandboxCommand } from "./sandbox.ts";
import about from "../package.json" with { type: "json" };

const program = new Command("image-security")
  .version(about.version)
  .description("decides which container images may run")
  .enablePositionalOptions()
  .addCommand(operatorCommand())
  .addCommand(sandboxCommand());

/** The message and those of its causes, a line each. */
const explain = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}\n${explain(error.cause)}`;
};

try {
  await program.parseAsync();
  // Everything was ended in order; what a library left open must not keep the process.
  process.exit();
} catch (error) {
  console.error(explain(error));
  process.exit(1);
}
