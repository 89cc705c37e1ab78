import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Target } from "../../../../../evidence/notation/verify/payload.ts";
import { addToStore } from "../../../../../sandbox/registry/push.ts";
import { makeArtifact, makeImage } from "../../../../../sandbox/registry/images.ts";
import { startRegistry } from "../../../../../sandbox/registry/server.ts";
import type { Level } from "../../../../../evidence/notation/verify/level.ts";
import type { Format } from "./envelopes.ts";
import { SIGNATURE, TYPES } from "./underTest.ts";

/** One envelope under one trust policy; certificates are PEM. */
export interface OracleCase {
  readonly name: string;
  readonly format: Format;
  readonly level: Level;
  readonly identities: readonly string[];
  readonly certificates: string;
  readonly timestampCertificates?: string;
  /** Base64. */
  readonly envelope: string;
  /** Whether `notation verify` took it. */
  readonly passes?: boolean;
}

/** The image that all cases are about: made in code, so the same everywhere. */
const image = makeImage({ labels: { made: "for the oracle of notation" } });
export const ORACLE_IMAGE: Target = {
  mediaType: image.mediaType,
  digest: image.digest,
  size: image.bytes.length,
};

/** Real notation: what `NOTATION` names, or what PATH has; undefined where there is none. */
export const findNotation = async (): Promise<string | undefined> => {
  const program = process.env["NOTATION"] ?? "notation";
  return promisify(execFile)(program, ["version"]).then(
    () => program,
    () => undefined,
  );
};

/** Whether `notation verify` takes it, with the trust policy that says the same. */
export const askNotation = async (
  program: string,
  asked: OracleCase,
): Promise<{ readonly passes: boolean; readonly says: string }> => {
  await using registry = await startRegistry();
  addToStore(registry.store, "app", image);
  addToStore(
    registry.store,
    "app",
    makeArtifact({
      artifactType: SIGNATURE,
      subject: image,
      layers: [
        {
          mediaType: TYPES[asked.format],
          bytes: Buffer.from(asked.envelope, "base64"),
        },
      ],
      // Notation orders signatures by what they say of their certificates.
      annotations: { "io.cncf.notary.x509chain.thumbprint#S256": "[]" },
    }),
  );
  const home = mkdtempSync(join(tmpdir(), "notation-oracle-"));
  try {
    const folder = (...parts: readonly string[]): string => {
      const path = join(home, "notation", ...parts);
      mkdirSync(path, { recursive: true });
      return path;
    };
    const stores = (kind: string, pem: string): void => {
      const blocks = pem.split(/(?<=-----END CERTIFICATE-----\n)/).filter((block) => block.trim() !== "");
      for (const [index, block] of blocks.entries())
        writeFileSync(join(folder("truststore", "x509", kind, "test"), `${index}.pem`), block);
    };
    stores("ca", asked.certificates);
    if (asked.timestampCertificates !== undefined) stores("tsa", asked.timestampCertificates);
    writeFileSync(
      join(folder(), "trustpolicy.json"),
      JSON.stringify({
        version: "1.0",
        trustPolicies: [
          {
            name: "test",
            registryScopes: ["*"],
            signatureVerification: { level: asked.level },
            trustStores: ["ca:test", ...(asked.timestampCertificates === undefined ? [] : ["tsa:test"])],
            trustedIdentities: asked.identities,
          },
        ],
      }),
    );
    const reference = `${registry.host}/app@${image.digest}`;
    const env = {
      PATH: process.env["PATH"],
      HOME: home,
      XDG_CONFIG_HOME: home,
      XDG_CACHE_HOME: home,
    };
    try {
      await promisify(execFile)(program, ["verify", "--verbose", "--insecure-registry", reference], { env });
      return { passes: true, says: "" };
    } catch (error) {
      return {
        passes: false,
        says: String(error instanceof Error && "stderr" in error ? error.stderr : error),
      };
    }
  } finally {
    rmSync(home, { recursive: true });
  }
};
