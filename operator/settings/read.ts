import type { Command } from "commander";
import type { Settable, Setting, Values } from "./setting.ts";

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

export type ReadValues<Of extends Settable> =
  /** `given`: the flags that do not have their default, and what was given for them. */
  | { readonly status: "ok"; readonly values: Values<Of>; readonly given: Readonly<Record<string, string>> }
  /** One line for each mistake: the flag or variable, what was found, what to write. */
  | { readonly status: "invalid"; readonly messages: readonly string[] };

/** Adds the flags of settings to a command. What they mean is read by `readValues`. */
export function addSettings(command: Command, settings: Settable): Command {
  for (const setting of Object.values(settings)) command.addOption(setting);
  return command;
}

/**
 * Reads the settings of a command that was parsed: from its flags, else from the environment, else their defaults. All
 * mistakes are told at once. Commander's own reading of variables is passed over: it knows of process.env alone, and
 * takes empty variables and those of Services for values.
 */
export function readValues<Of extends Settable>(settings: Of, command: Command, env: Environment): ReadValues<Of> {
  const messages: string[] = [];
  const values: Record<string, unknown> = {};
  const given: Record<string, string> = {};
  for (const [name, setting] of Object.entries(settings)) {
    const { source, texts } = textsOf(setting, command, env);
    if (texts === undefined) {
      values[name] = setting.fallback;
      continue;
    }
    const parsed = setting.read(texts);
    const text = texts.join(",");
    if (text !== setting.shown) given[setting.name()] = withoutCredentials(text);
    if (parsed.status === "ok") values[name] = parsed.value;
    else messages.push(`${source}: ${parsed.message}`);
  }
  if (messages.length > 0) return { status: "invalid", messages };
  // Every name of the settings has just been set from the setting that gives its type.
  return { status: "ok", values: values as Values<Of>, given };
}

/** What was given, and the flag or variable that gave it; without texts where neither did. */
function textsOf(
  setting: Setting<unknown>,
  command: Command,
  env: Environment,
): { readonly source: string; readonly texts?: readonly string[] } {
  const name = setting.attributeName();
  if (command.getOptionValueSource(name) === "cli") {
    return { source: `--${setting.name()}`, texts: setting.gathered(command.getOptionValue(name)) };
  }
  const text = env[setting.variable];
  const none = text === undefined || text === "" || isServiceLink(setting.variable, text);
  return { source: setting.variable, ...(none ? {} : { texts: [text] }) };
}

/** A proxy's URL holds a user and a password, where it needs them. */
function withoutCredentials(text: string): string {
  return text.replaceAll(/(:\/\/)[^/@\s]*@/g, "$1***@");
}

/** Every word that is no flag of a command, which it may have left over. */
export function unknownFlags(settings: Settable, words: readonly string[]): readonly string[] {
  return words.map((word) => {
    const meant = nearest(
      word,
      Object.values(settings).map((setting) => `--${setting.name()}`),
    );
    return `${word}: there is no such flag${meant === undefined ? "; see --help" : `; did you mean ${meant}?`}`;
  });
}

/** Every variable that looks like a setting and is none. */
export function unknownVariables(settings: Settable, env: Environment): readonly string[] {
  const known = Object.values(settings).map(({ variable }) => variable);
  return Object.keys(env)
    .filter((name) => name.startsWith("IMAGE_SECURITY_") && !known.includes(name) && !isServiceLink(name, env[name]))
    .map((name) => {
      const meant = nearest(name, known);
      return `${name}: there is no such setting${meant === undefined ? "" : `; did you mean ${meant}?`}`;
    });
}

/**
 * Kubernetes tells containers of every Service in their namespace, in variables named after it. One that is called
 * image-security-webhook makes IMAGE_SECURITY_WEBHOOK_PORT=tcp://10.0.0.1:443, which is none of ours.
 */
function isServiceLink(name: string, value: string | undefined): boolean {
  return (
    /^(?:tcp|udp|sctp):\/\//.test(value ?? "") ||
    /_SERVICE_HOST$|_SERVICE_PORT_[A-Z0-9_]+$|_PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith("_SERVICE_PORT") && name !== "IMAGE_SECURITY_WEBHOOK_SERVICE_PORT")
  );
}

/** The name that shares the longest beginning, for a typing mistake; undefined where none is near. */
function nearest(name: string, candidates: readonly string[]): string | undefined {
  const bare = name.split("=")[0] ?? name;
  const shared = (other: string): number => {
    let count = 0;
    while (count < bare.length && count < other.length && bare[count] === other[count]) count += 1;
    return count;
  };
  const best = candidates.toSorted((a, b) => shared(b) - shared(a))[0];
  return best !== undefined && shared(best) >= Math.max(6, bare.length * 0.6) ? best : undefined;
}
