import { Argument, Command } from "commander";
import type { LazyCommand } from "./program.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

interface Described {
  readonly name: string;
  readonly about: string;
  /** Commands of its own. */
  readonly commands: readonly string[];
  /** Those of its own commands among them. */
  readonly flags: readonly { readonly name: string; readonly about: string; readonly choices: readonly string[] }[];
}

/** `image-security completion SHELL`: what the shell reads to complete commands, flags and the values of flags that have a choice. */
export const completionCommand = (commands: Readonly<Record<string, LazyCommand>>): Command =>
  new Command("completion")
    .description("print what a shell reads to complete commands and flags: source <(image-security completion bash)")
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .action(async (shell: Shell) => {
      const described = await Promise.all(
        Object.entries(commands)
          .filter(([name]) => name !== "completion")
          .map(async ([name, { about, load }]) => describe(name, about, await load())),
      );
      process.stdout.write(SCRIPTS[shell](described));
    });

const describe = (name: string, about: string, command: Command): Described => ({
  name,
  about,
  commands: command.commands.map((one) => one.name()),
  flags: [command, ...command.commands]
    .flatMap(({ options }) => options)
    .flatMap(({ long, description, argChoices = [] }) =>
      long === undefined || long === null ? [] : [{ name: long, about: description, choices: argChoices }],
    ),
});

const bash = (commands: readonly Described[]): string => {
  const reply = (words: readonly string[]): string => `COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$current"))`;
  const choices = commands.flatMap(({ name, flags }) =>
    flags.filter((flag) => flag.choices.length > 0).map((flag) => ({ ...flag, name: `"${name} ${flag.name}"` })),
  );
  const makers = commands.filter((one) => one.commands.length > 0);
  return `# bash completion for image-security
_image_security() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  case "\${COMP_WORDS[1]} $previous" in
${choices.map((flag) => `    ${flag.name}) ${reply(flag.choices)}; return ;;`).join("\n")}
  esac
  case "$COMP_CWORD \${COMP_WORDS[1]}" in
${makers.map((one) => `    "2 ${one.name}") ${reply(one.commands)}; return ;;`).join("\n")}
    "1 "*) ${reply(commands.map(({ name }) => name))}; return ;;
  esac
  case $current in
    -*)
      case \${COMP_WORDS[1]} in
${commands.map(({ name, flags }) => `        ${name}) ${reply(flags.map((flag) => flag.name))} ;;`).join("\n")}
      esac ;;
    *) COMPREPLY=($(compgen -f -- "$current")) ;;
  esac
}
complete -o filenames -F _image_security image-security
`;
};

const zsh = (commands: readonly Described[]): string => `#compdef image-security
_image_security() {
  if (( CURRENT == 2 )); then
    local -a commands=(${commands.map(({ name, about }) => quoted(`${name}:${about.replaceAll(":", "\\:")}`)).join(" ")})
    _describe command commands
    return
  fi
  case $words[2] in
${commands
  .map(({ name, flags, commands: own }) => {
    const words = own.length > 0 ? `'2:command:(${own.join(" ")})' ` : "";
    return `    ${name}) _arguments ${flags.map(zshFlag).join(" ")} ${words}'*:file:_files' ;;`;
  })
  .join("\n")}
  esac
}
compdef _image_security image-security
`;

const zshFlag = ({ name, about, choices }: Described["flags"][number]): string =>
  quoted(`${name}[${about.replaceAll(/[[\]]/g, "")}]${choices.length > 0 ? `:value:(${choices.join(" ")})` : ""}`);

const fish = (commands: readonly Described[]): string =>
  `${commands
    .flatMap(({ name, about, flags, commands: own }) => [
      `complete -c image-security -n __fish_use_subcommand -a ${name} -d ${quoted(about)}`,
      ...own.map((word) => `complete -c image-security -n '__fish_seen_subcommand_from ${name}' -a ${word}`),
      ...flags.map(
        (flag) =>
          `complete -c image-security -n '__fish_seen_subcommand_from ${name}' -l ${flag.name.slice(2)} -d ${quoted(flag.about)}${flag.choices.length > 0 ? ` -xa ${quoted(flag.choices.join(" "))}` : ""}`,
      ),
    ])
    .join("\n")}\n`;

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const SCRIPTS: Readonly<Record<Shell, (commands: readonly Described[]) => string>> = { bash, zsh, fish };
