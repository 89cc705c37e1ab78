/**
 * `npm run bundle`: the command line as a package for `npm publish`, in dist/npm. Node refuses TypeScript under node_modules, so what is
 * published is JavaScript, without dependencies. In pieces, loaded when they are wanted: in one file of 6 MiB a static check took twice as
 * long, most of it to read what it does not use (docs/adr/0012-command-line.md).
 */
import { chmod, copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import about from "../package.json" with { type: "json" };

const { values } = parseArgs({ options: { out: { type: "string", default: "dist/npm" } } });
const root = resolve(import.meta.dirname, "..");
const out = resolve(values.out);

await rm(out, { recursive: true, force: true });
await mkdir(join(out, "lib"), { recursive: true });
await build({
  absWorkingDir: root,
  entryPoints: ["cli/published.ts"],
  outdir: join(out, "lib"),
  outExtension: { ".js": ".mjs" },
  bundle: true,
  splitting: true,
  platform: "node",
  format: "esm",
  target: "node20",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "eof",
  logLevel: "warning",
  // Packages in CommonJS ask for Node's own modules by require.
  banner: {
    js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
  },
});
const main = join(out, "lib", "image-security.mjs");
await rename(join(out, "lib", "published.mjs"), main);
await writeFile(main, `#!/usr/bin/env node\n${await readFile(main, "utf8")}`);
await chmod(main, 0o755);
const manifest = {
  name: about.name,
  version: about.version,
  description: "Gives the verdicts of the image-security operator before anything reaches a cluster",
  license: about.license,
  type: "module",
  engines: { node: ">=20.12" },
  // The second name makes it `kubectl image-security`.
  bin: { "image-security": "lib/image-security.mjs", "kubectl-image_security": "lib/image-security.mjs" },
  files: ["lib", "README.md"],
};
await writeFile(join(out, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
await copyFile(join(root, "docs/command-line.md"), join(out, "README.md"));
console.log(out);
