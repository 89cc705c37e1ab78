import { Command } from "commander";
import about from "../package.json" with { type: "json" };

/** The flags are the operator's own: it reads, checks and describes them. */
export const operatorCommand = (): Command =>
  new Command("operator")
    .description("run the operator against a cluster (see operator --help)")
    .argument("[flags...]")
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false)
    .action(run);

const run = async (args: readonly string[]): Promise<void> => {
  // Before what takes its time to load: the first process of a container does not even end by a signal that it does not listen to.
  const told = new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve);
  });
  const { readSettings } = await import("../operator/settings/settings.ts");
  const result = readSettings(args, process.env);
  if (result.status === "help") {
    process.stdout.write(result.text);
    return;
  }
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
};
