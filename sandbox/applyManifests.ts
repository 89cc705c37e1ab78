import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import type { KubeClient } from "../kube/kubeClient.ts";
import { expectStatus } from "../kube/expectStatus.ts";
import { type JsonObject, fieldsOf, listOf, textOf } from "../json/fields.ts";
import { metadataOf } from "../kube/object.ts";

/** What the others need comes first; the rest in the order of the files. */
const earlyKinds = ["Namespace", "ServiceAccount", "Secret", "ConfigMap"];

/** The objects of a folder: those that its kustomization names, else those of every YAML file in it. */
export const readManifests = async (folder: string): Promise<readonly JsonObject[]> => {
  const objects: JsonObject[] = [];
  for (const file of await manifestFiles(folder)) {
    // Merge keys are YAML 1.1's: kubectl knows them.
    for (const document of parseAllDocuments(await readFile(join(folder, file), "utf8"), { merge: true })) {
      const [problem] = document.errors;
      if (problem !== undefined) throw new Error(`${join(folder, file)}: ${problem.message}`);
      const object = fieldsOf(document.toJS());
      if (textOf(object["kind"]) !== "") objects.push(object);
    }
  }
  return objects.sort((a, b) => rank(a) - rank(b));
};

/** Applies the objects on the server's side, in this order. Rejects with the API server's own words for the first it refuses. */
export const applyManifests = async (client: KubeClient, objects: readonly JsonObject[]): Promise<void> => {
  for (const object of objects) {
    const path = `${await resourcePath(client, object)}/${metadataOf(object).name}`;
    await expectStatus(client, [200, 201], "PATCH", path, {
      body: object,
      // JSON is YAML.
      contentType: "application/apply-patch+yaml",
      query: { fieldManager: "image-security-sandbox", force: "true" },
    });
  }
};

/** The names that kustomize looks for. */
const kustomizations = new Set(["kustomization.yaml", "kustomization.yml", "Kustomization"]);

const manifestFiles = async (folder: string): Promise<readonly string[]> => {
  const files = (await readdir(folder)).sort();
  const kustomization = files.find((file) => kustomizations.has(file));
  if (kustomization === undefined) return files.filter((file) => [".yaml", ".yml"].includes(extname(file)));
  const named = fieldsOf(parse(await readFile(join(folder, kustomization), "utf8")))["resources"];
  return listOf(named).map(textOf);
};

const rank = (object: JsonObject): number => {
  const place = earlyKinds.indexOf(textOf(object["kind"]));
  return place === -1 ? earlyKinds.length : place;
};

/** The path of the object's collection, as discovery gives it. */
const resourcePath = async (client: KubeClient, object: JsonObject): Promise<string> => {
  const version = textOf(object["apiVersion"]);
  const kind = textOf(object["kind"]);
  const root = version.includes("/") ? `/apis/${version}` : `/api/${version}`;
  const answer = await expectStatus(client, [200], "GET", root);
  const resource = listOf(fieldsOf(answer.body)["resources"])
    .map(fieldsOf)
    .find((one) => textOf(one["kind"]) === kind && !textOf(one["name"]).includes("/"));
  if (resource === undefined) throw new Error(`the API server has no ${kind} in ${version}`);
  const scope = resource["namespaced"] === true ? `/namespaces/${metadataOf(object).namespace || "default"}` : "";
  return `${root}${scope}/${textOf(resource["name"])}`;
};
