import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { releaseKeyFiles } from "./readyFile.ts";

/**
 * The key of the company's release pipeline, new for every sandbox: kept in its folder, so that its users can trust it (`release.pub`) and
 * sign with it (`release.key`, as `check --attest --key` and `cosign import-key-pair` take it).
 */
export const makeReleaseKey = async (folder: string): Promise<KeyObject> => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const [secret, open] = releaseKeyFiles(folder);
  await writeFile(secret, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  await writeFile(open, publicKey.export({ format: "pem", type: "spki" }));
  return privateKey;
};
