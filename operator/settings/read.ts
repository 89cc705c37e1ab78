import { environmentName, type Option } from "./option.ts";
import type { Options, OptionValues } from "./options.ts";

export type ReadValues =
  /** `given`: the flags that do not have their default, and what was given for them. */
  | { readonly status: "ok"; readonly values: OptionValues; readonly given: Readonly<Record<string, string>> }
  | { readonly status: "invalid"; readonly messages: readonly string[] };

const PREFIX = "IMAGE_SECURITY_";

/** Reads every option: from the flags, else from the environment, else its default. All mistakes are told at once. */
export function readValues(
  options: Options,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ReadValues {
  const messages: string[] = [];
  const byFlag = new Map<string, Option<unknown>>(optionsOf(options).map((option) => [option.flag, option]));
  const given = collectFlags(byFlag, args, messages);
  const known = new Set([...byFlag.keys()].map(environmentName));
  for (const name of Object.keys(env)) {
    if (name.startsWith(PREFIX) && !known.has(name) && !isServiceLink(name, env[name])) {
      const meant = nearest(name, [...known]);
      messages.push(`${name}: there is no such setting${meant === undefined ? "" : `; did you mean ${meant}?`}`);
    }
  }

  const values: Record<string, unknown> = {};
  const told: Record<string, string> = {};
  for (const [name, option] of Object.entries(options)) {
    const flags = given.get(option.flag);
    const variable = variableOf(option.flag, env);
    const texts = flags ?? (variable === undefined ? undefined : [variable]);
    if (texts === undefined) {
      values[name] = option.fallback;
      continue;
    }
    const source = flags === undefined ? environmentName(option.flag) : `--${option.flag}`;
    const parsed = option.parse(texts);
    const text = texts.join(",");
    if (text !== option.shown) told[option.flag] = withoutCredentials(text);
    if (parsed.status === "ok") values[name] = parsed.value;
    else messages.push(`${source}: ${parsed.message}`);
  }
  if (messages.length > 0) return { status: "invalid", messages };
  // Every name of the table has just been set from the option that gives its type.
  return { status: "ok", values: values as unknown as OptionValues, given: told };
}

/** A proxy's URL holds a user and a password, where it needs them. */
const withoutCredentials = (text: string): string => text.replaceAll(/(:\/\/)[^/@\s]*@/g, "$1***@");

function variableOf(flag: string, env: Readonly<Record<string, string | undefined>>): string | undefined {
  const name = environmentName(flag);
  const value = env[name];
  return value === undefined || value === "" || isServiceLink(name, value) ? undefined : value;
}

/**
 * Kubernetes tells containers of every Service in their namespace, in variables named after it. One that is called
 * image-security-webhook makes IMAGE_SECURITY_WEBHOOK_PORT=tcp://10.0.0.1:443, which is none of ours.
 */
const isServiceLink = (name: string, value: string | undefined): boolean =>
  /^(?:tcp|udp|sctp):\/\//.test(value ?? "") ||
  /_SERVICE_HOST$|_SERVICE_PORT_[A-Z0-9_]+$|_PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(name) ||
  (name.endsWith("_SERVICE_PORT") && name !== environmentName("webhook-service-port"));

const optionsOf = (options: Options): readonly Option<unknown>[] => Object.values(options);

function collectFlags(
  byFlag: ReadonlyMap<string, Option<unknown>>,
  args: readonly string[],
  messages: string[],
): ReadonlyMap<string, readonly string[]> {
  const given = new Map<string, string[]>();
  for (let index = 0; index < args.length; index += 1) {
    const argument = args[index] ?? "";
    const [, flag, inline] = /^--([^=]+)(?:=([\s\S]*))?$/.exec(argument) ?? [];
    const option = flag === undefined ? undefined : byFlag.get(flag);
    if (flag === undefined || option === undefined) {
      const meant = nearest(
        argument,
        [...byFlag.keys()].map((name) => `--${name}`),
      );
      messages.push(
        `${argument}: there is no such flag${meant === undefined ? "; see --help" : `; did you mean ${meant}?`}`,
      );
      continue;
    }
    let value = inline;
    if (value === undefined && option.placeholder === undefined) value = "true";
    if (value === undefined) {
      const next = args[index + 1];
      if (next === undefined || next.startsWith("--")) {
        messages.push(`--${flag}: has no value; write --${flag} ${option.placeholder ?? ""}`);
        continue;
      }
      value = next;
      index += 1;
    }
    const before = given.get(flag);
    if (before === undefined) given.set(flag, [value]);
    else if (option.repeatable) before.push(value);
    else messages.push(`--${flag}: is given twice; leave one of them out`);
  }
  return given;
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
