import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { transports } from "winston";
import { createWinston } from "../../../operator/metrics/logging.ts";

/** What is written of one line. */
const written = (logFormat: "json" | "text", fields: object): string => {
  const logger = createWinston({ logLevel: "info", logFormat });
  for (const transport of logger.transports) transport.silent = true;
  const parts: string[] = [];
  const stream = new Writable({
    write: (part, _, done) => {
      parts.push(String(part));
      done();
    },
  });
  logger.add(new transports.Stream({ stream }));
  logger.info("denied", fields);
  return parts.join("");
};

describe("the log", () => {
  const strangers: readonly (readonly [what: string, text: string])[] = [
    ["a line end", "ada\n2026-12-01T00:00:00.000Z INFO  allowed"],
    ["a carriage return", "ada\rINFO  allowed"],
    ["an escape of terminals", "\u001b[2Kada"],
    ["one of eight bits", "\u009b2Kada"],
    ["a line separator", "ada\u2028INFO"],
    ["text from right to left", "ada\u202eofni"],
  ];
  for (const format of ["text", "json"] as const)
    for (const [what, user] of strangers)
      it(`writes one line, as ${format}, whatever strangers write: ${what}`, () => {
        for (const fields of [{ user }, { images: [user] }]) {
          const line = written(format, fields).trimEnd();
          assert.match(line, /ada/);
          // JSON's readers take these apart from the rest.
          if (format === "text") assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
          else assert.equal((JSON.parse(line) as object) !== null && line.split("\n").length, 1);
        }
      });

  it("keeps the lines of a stack, as text", () => {
    const { stack = "" } = new Error("it broke");
    assert.ok(written("text", { stack }).includes(stack));
  });
});
