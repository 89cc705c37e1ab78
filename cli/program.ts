import { Command, CommanderError } from "commander";
import { FAILED } from "./exitCode.ts";
import about from "../package.json" with { type: "json" };

/** A command, loaded when it is the one: what it needs costs the others nothing. */
export interface LazyCommand {
  readonly about: string;
  readonly load: () => Promise<Command>;
}

/** Runs the command that the arguments name, and ends the process: with 2 for whatever is no verdict, a crash included. */
export const runProgram = async (commands: Readonly<Record<string, LazyCommand>>): Promise<never> => {
  const program = new Command("image-security")
    .version(about.version)
    .description("decides which container images may run")
    .enablePositionalOptions()
    .exitOverride();
  try {
    const [first = "", second = ""] = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
    const named = first === "help" ? second : first;
    for (const [name, command] of Object.entries(commands))
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
};

/** A mistake in the flags ends with 2 as well. */
const strict = (command: Command): Command => {
  command.exitOverride();
  for (const one of command.commands) strict(one);
  return command;
};

/** The message and those of its causes, a line each. */
const explain = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}\n${explain(error.cause)}`;
};
