import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { settingsSchema } from "./settingsSchema.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** The chart's folder. */
export const CHART: string = join(ROOT, "charts/image-security");

/** What the chart installs: the manifests of the kustomizations. Its templates choose from them. */
const MANIFESTS = ["crds/*.yaml", "config/{rbac,manager,webhook,trusted}/*.yaml", "config/components/*/*.yaml"];

/** What kustomize reads, and the Namespace, which is not for a chart to make. */
const LEFT_OUT = /\/(?:kustomization|namespace)\.yaml$/;

/** The chart's files that are made of others, by their path in it: the manifests in `files/`, the values once more, and the schema with the operator's settings. */
export async function chartFiles(): Promise<ReadonlyMap<string, string>> {
  const sources = (await Array.fromAsync(glob(MANIFESTS, { cwd: ROOT })))
    .filter((file) => !LEFT_OUT.test(file))
    .toSorted();
  const copies = sources.map(
    async (file) => [`files/${file.replace(/^config\//, "")}`, await readFile(join(ROOT, file), "utf8")] as const,
  );
  return new Map([
    ...(await Promise.all(copies)),
    // Templates cannot read the file of this name itself.
    ["defaults.yaml", await readFile(join(CHART, "values.yaml"), "utf8")],
    ["values.schema.json", await schema()],
  ]);
}

/** The schema as it stands, but for the settings. */
async function schema(): Promise<string> {
  const { properties, ...rest } = JSON.parse(await readFile(join(CHART, "values.schema.json"), "utf8")) as {
    readonly properties: object;
  };
  return `${JSON.stringify({ ...rest, properties: { ...properties, settings: settingsSchema() } }, undefined, 2)}\n`;
}
