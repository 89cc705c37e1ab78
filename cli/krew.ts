/**
 * `node cli/krew.ts TARBALL`: the manifest by which krew installs the published package as `kubectl image-security`
 * (krew.sigs.k8s.io/docs/developer-guide/plugin-manifest). For a release; its digest is the tarball's, which npm packs alike every time.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { stringify } from "yaml";
import about from "../package.json" with { type: "json" };

const [tarball] = process.argv.slice(2);
if (tarball === undefined) throw new Error("give the tarball that npm pack made of dist/npm");
const sha256 = createHash("sha256")
  .update(await readFile(tarball))
  .digest("hex");
const manifest = {
  apiVersion: "krew.googlecontainertools.github.com/v1alpha2",
  kind: "Plugin",
  metadata: { name: about.name },
  spec: {
    version: `v${about.version}`,
    homepage: "https://github.com/image-security/image-security",
    shortDescription: "Say what image policies refuse, and why",
    description: [
      "Judges manifests and whole clusters by ImageSecurityPolicies, with the engine and the words of the",
      "image-security operator, before anything is refused: check, audit, where, migrate. It changes nothing in the cluster.",
      "",
    ].join("\n"),
    caveats: "Needs Node 20.12 or newer on PATH.\n",
    platforms: [
      {
        // Windows has no way to run a script by its first line.
        selector: { matchExpressions: [{ key: "os", operator: "In", values: ["linux", "darwin"] }] },
        uri: `https://registry.npmjs.org/${about.name}/-/${about.name}-${about.version}.tgz`,
        sha256,
        files: [{ from: "package/lib/*", to: "." }],
        bin: "image-security.mjs",
      },
    ],
  },
};
process.stdout.write(stringify(manifest));
