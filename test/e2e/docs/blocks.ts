/** A fenced block of a Markdown file. */
export interface Block {
  /** After the opening fence: `sh`, `console`, `yaml`. */
  readonly language: string;
  readonly lines: readonly string[];
  /** Line of the file in which its text begins, from 1. */
  readonly line: number;
}

/** One command of a block, with what the text says that it prints; undefined where the text does not say. */
export interface Command {
  readonly command: string;
  readonly output: string | undefined;
  readonly line: number;
}

/** Every fenced block, in order. */
export function blocksOf(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  let open: { language: string; lines: string[]; line: number } | undefined;
  for (const [index, text] of markdown.split("\n").entries()) {
    const [, language] = /^\s*```(\w*)\s*$/.exec(text) ?? [];
    if (language === undefined) open?.lines.push(text);
    else if (open === undefined) open = { language, lines: [], line: index + 2 };
    else {
      blocks.push(open);
      open = undefined;
    }
  }
  return blocks;
}

/** The commands of a block: those after `$ ` with what follows them in a console, every line of a script; backslashes join lines. */
export function commandsOf({ language, lines, line }: Block): readonly Command[] {
  const commands: { command: string; output: string[] | undefined; line: number }[] = [];
  for (const [index, text] of lines.entries()) {
    const last = commands.at(-1);
    const continued = last !== undefined && last.command.endsWith("\\");
    if (continued) last.command = `${last.command.slice(0, -1)}${text.trim()}`;
    else if (language !== "console") {
      if (text.trim() !== "" && !text.startsWith("#"))
        commands.push({ command: text, output: undefined, line: line + index });
    } else if (text.startsWith("$ ")) commands.push({ command: text.slice(2), output: [], line: line + index });
    else last?.output?.push(text);
  }
  return commands.map(({ command, output, line: at }) => ({ command, output: output?.join("\n"), line: at }));
}

/** The name of the file that a block is to be kept in: its first line is `# NAME.yaml`. */
export function fileOf({ language, lines }: Block): string | undefined {
  return language === "yaml" ? /^# (\S+\.yaml)$/.exec(lines[0] ?? "")?.[1] : undefined;
}
