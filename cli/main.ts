#!/usr/bin/env node
import { Command } from "commander";
import { operatorCommand } from "./operator.ts";
import { sandboxCommand } from "./sandbox.ts";

const program = new Command("image-security")
  .description("decides which container images may run")
  .enablePositionalOptions()
  .addCommand(operatorCommand())
  .addCommand(sandboxCommand());

try {
  await program.parseAsync();
  // Everything was ended in order; what a library left open must not keep the process.
  process.exit();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
