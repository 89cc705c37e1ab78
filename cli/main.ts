#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { FAILED } from "./exitCode.ts";
import about from "../package.json" with { type: "json" };

/**
 * Every command, each loaded when it is the one: what a command needs costs the others nothing, and the operator's image holds only
 * its own.
 */
const COMMANDS: Readonly<Record<string, { readonly about: string; readonly load: () => Promise<Command> }>> = {
  operator: {
    about: "run the operator against a cluster",
    load: async () => (await import("./operator.ts")).operatorCommand(),
  },
  sandbox: {
    about: "a throwaway API server, a registry and the operator on this machine, to try the policies",
    load: async () => (await import("./sandbox.ts")).sandboxCommand(),
  },
  check: {
    about: "say what policies say of manifests and images, before a cluster does",
    load: async () => (await import("./check/command.ts")).checkCommand(),
  },
  audit: {
    about: "say what would be refused if everything that runs in a cluster were made anew",
    load: async () => (await import("./audit/command.ts")).auditCommand(),
  },
  where: {
    about: "say which pods and templates name or run an image, a vulnerability or what somebody signed",
    load: async () => (await import("./where/command.ts")).whereCommand(),
  },
  migrate: {
    about: "write digests in place of tags, in manifests, kustomizations and the values of charts",
    load: async () => (await import("./migrate/command.ts")).migrateCommand(),
  },
};

/** The message and those of its causes, a line each. */
const explain = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}\n${explain(error.cause)}`;
};

const program = new Command("image-security")
  .version(about.version)
  .description("decides which container images may run")
  .enablePositionalOptions()
  .exitOverride();

/** A mistake in the flags ends with 2, as everything does that is no verdict. */
const strict = (command: Command): Command => {
  command.exitOverride();
  for (const one of command.commands) strict(one);
  return command;
};

try {
  const named = process.argv.slice(2).find((argument) => !argument.startsWith("-")) ?? "";
  for (const [name, command] of Object.entries(COMMANDS))
    program.addCommand(name === named ? strict(await command.load()) : new Command(name).description(command.about));
  await program.parseAsync();
  // Everything was ended in order; what a library left open must not keep the process.
  process.exit();
} catch (error) {
  // Help and the version are errors to commander, which has shown them.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : FAILED);
  console.error(explain(error));
  process.exit(FAILED);
}
