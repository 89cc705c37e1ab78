import { writeFile } from "node:fs/promises";
import { Command, Option } from "commander";
import { parseReference } from "../../policy/image/reference.ts";
import { NO_SUBJECT } from "../noSubject.ts";
import { DENIED, FAILED, UsageError } from "../exitCode.ts";
import { createEvidence } from "../../evidence/createEvidence.ts";
import type { ResolveDigest } from "../../evidence/provider.ts";
import { addRegistryFlags, registrySettingsOf, type RegistryFlags } from "../registryFlags.ts";
import { addTemplateFlags, type TemplateFlags } from "../settingFlags.ts";
import { NO_METRICS, userCredentials } from "../userEvidence.ts";
import { isKustomization, readFiles } from "../input/yamlFiles.ts";
import { migrateText, type Resolution } from "./migrateText.ts";
import { migrationText, type MigratedFile } from "./report.ts";

interface MigrateFlags extends RegistryFlags, TemplateFlags {
  readonly write: boolean;
  readonly check: boolean;
  readonly keepTag: boolean;
  readonly output: "text" | "json";
  readonly timeout: number;
}

/** Milliseconds for one image. */
const PATIENCE = 30_000;

/** `image-security migrate`: see `migrateText` for what it changes. */
export const migrateCommand = (): Command =>
  addRegistryFlags(
    addTemplateFlags(new Command("migrate"))
      .description("write digests in place of tags, in manifests, kustomizations and the values of charts")
      .argument("<paths...>", "files and folders; - is standard input, and the result goes to standard output")
      .option("--write", "change the files (default: only say what would change)", false)
      .option("--check", "end with 1 where something is to do", false)
      .option("--keep-tag", "name:tag@digest instead of name@digest", false)
      .addOption(new Option("--output <format>", "how it is told").choices(["text", "json"]).default("text")),
  ).action(async (paths: readonly string[], flags: MigrateFlags) => {
    process.exitCode = await migrate(paths, flags);
  });

const migrate = async (paths: readonly string[], flags: MigrateFlags): Promise<number> => {
  if (flags.write && flags.check) throw new UsageError("--write and --check exclude each other; give one of them");
  const piped = paths.includes("-");
  if (piped && (paths.length > 1 || flags.output === "json"))
    throw new UsageError("standard input (-) is given alone, and its result is the changed text");
  const files = await readFiles(paths);
  const settings = registrySettingsOf(flags);
  const credentials = await userCredentials(settings);
  const evidence = createEvidence({ settings, metrics: NO_METRICS, providers: [], ...credentials });
  const answers = new Map<string, Promise<Resolution>>();
  const resolve = (image: string): Promise<Resolution> => {
    const known = answers.get(image) ?? resolveImage(image, evidence.resolveDigest);
    answers.set(image, known);
    return known;
  };
  try {
    const results: MigratedFile[] = [];
    for (const { path, text } of files) {
      const result = await migrateText(text, {
        isKustomization: isKustomization(path),
        keepTag: flags.keepTag,
        placeholders: flags.templatePlaceholders,
        resolve,
      });
      results.push({ path, result });
      if (piped) process.stdout.write(result.status === "ok" ? result.text : text);
      else if (flags.write && result.status === "ok" && result.text !== text) await writeFile(path, result.text);
    }
    if (flags.output === "json") process.stdout.write(`${JSON.stringify(results.map(asJson), undefined, 2)}\n`);
    else (piped ? process.stderr : process.stdout).write(migrationText(results, flags.write || piped));
    return exitCodeOf(results, flags.check, piped);
  } finally {
    await evidence.close();
  }
};

const resolveImage = async (image: string, resolveDigest: ResolveDigest): Promise<Resolution> => {
  const use = { container: "", field: "containers", path: "", image, parsed: parseReference(image) } as const;
  const outcome = await resolveDigest(NO_SUBJECT, use, [], AbortSignal.timeout(PATIENCE));
  return outcome.status === "verified"
    ? { status: "resolved", digest: outcome.value }
    : { status: "failed", message: outcome.message };
};

/** What could not be read or resolved is no "nothing to do": a pipeline that relies on it must notice. */
const exitCodeOf = (results: readonly MigratedFile[], check: boolean, piped: boolean): number => {
  const images = results.flatMap(({ result }) => (result.status === "ok" ? result.images : []));
  const unread = piped && results.some(({ result }) => result.status === "unreadable");
  if (unread || images.some(({ outcome }) => outcome.status === "left")) return FAILED;
  return check && images.some(({ outcome }) => outcome.status === "pinned") ? DENIED : 0;
};

const asJson = ({ path, result }: MigratedFile): object =>
  result.status === "ok"
    ? { path, images: result.images.map(({ line, image, outcome }) => ({ line, image, ...outcome })) }
    : { path, line: result.line, message: result.message };
