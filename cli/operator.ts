import type { Command } from "commander";
import about from "../package.json" with { type: "json" };
import { settingsCommand, settingsOf } from "../operator/settings/settings.ts";

/** `image-security operator`: its flags are the settings. */
export function operatorCommand(): Command {
  // Before what takes its time to load: the first process of a container does not even end by a signal that it does
  // not listen to.
  const told = new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve);
  });
  return settingsCommand("operator")
    .description("run the operator against a cluster. Every setting is a flag or an environment variable; a flag wins.")
    .action((_flags: unknown, command: Command) => run(command, told));
}

async function run(command: Command, told: Promise<unknown>): Promise<void> {
  const result = settingsOf(command, process.env);
  if (result.status === "invalid") {
    for (const message of result.messages) console.error(message);
    process.exitCode = 2;
    return;
  }
  // Loaded here: help and refused flags need none of it.
  const { createWinston } = await import("../operator/metrics/logging.ts");
  const { exitOnDefects } = await import("../operator/metrics/defects.ts");
  const { runOperator } = await import("../operator/run.ts");
  const log = createWinston(result.settings);
  exitOnDefects(log);
  log.info("the operator starts", { version: about.version, settings: result.given });
  const operator = await runOperator(result.settings, { log, version: about.version });
  log.info("the operator answers", { webhook: operator.webhookUrl, metrics: operator.metricsUrl ?? "off" });
  await told;
  await operator.stop();
}
