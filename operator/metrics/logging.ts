import { ALogger, LogLevel, ROOT, type ILogger, type LogEntry } from "@thi.ng/logger";
import { createLogger, format, transports, type Logger } from "winston";
import type { Log } from "../../kube/log.ts";
import type { Settings } from "../settings/settings.ts";

/** A winston logger: JSON lines for machines, or text for people; on standard error, so that commands keep standard output. */
export function createWinston({ logLevel, logFormat }: Pick<Settings, "logLevel" | "logFormat">): Logger {
  const time = format.timestamp();
  return createLogger({
    level: logLevel,
    format: logFormat === "json" ? format.combine(time, format.json()) : format.combine(time, text),
    transports: [new transports.Console({ stderrLevels: ["error", "warn", "info", "debug"] })],
    // The process decides for itself what an uncaught exception means.
    exitOnError: false,
  });
}

const text = format.printf(({ timestamp, level, message, ...fields }) => {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  const rest = known.map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return onOneLine([String(timestamp), level.toUpperCase().padEnd(5), String(message), ...rest].join(" "));
});

/** Whoever chooses a name or answers a request writes no line of the log, and moves no cursor. The lines of a stack stay. */
const onOneLine = (line: string): string =>
  line.replaceAll(/(?!\n {4}at )[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character === "\n" ? "\\n" : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );

/**
 * Joins rstream's logger to ours, first thing in a process: without it an error that no stream handles prints nothing at all.
 */
export function bridgeStreamLogger(log: Pick<Log, "error" | "warn">): void {
  // The library's own types do not agree with each other about an absent `parent` (exactOptionalPropertyTypes).
  ROOT.set(new StreamLogger(log) as ALogger as ILogger);
}

class StreamLogger extends ALogger {
  readonly #log: Pick<Log, "error" | "warn">;

  constructor(log: Pick<Log, "error" | "warn">) {
    // Streams tell of every value at lower levels.
    super("rstream", "WARN");
    this.#log = log;
  }

  override childLogger(): ILogger {
    // As above.
    return this as ALogger as ILogger;
  }

  override logEntry([level, id, , ...body]: LogEntry): void {
    if (level < this.level) return;
    const error = body
      .map((part: unknown) => (part instanceof Error ? (part.stack ?? part.message) : String(part)))
      .join(" ");
    this.#log[level >= LogLevel.SEVERE ? "error" : "warn"]("a stream failed", { stream: id, error });
  }
}
