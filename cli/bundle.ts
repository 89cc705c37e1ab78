/**
 * `npm run bundle`: the command line as a package for `npm publish`, in dist/npm. Node refuses TypeScript under node_modules, so what is
 * published is JavaScript, without dependencies. In pieces, loaded when they are wanted: in one file of 6 MiB a static check took twice as
 * long, most of it to read what it does not use (docs/adr/0012-command-line.md).
 */
import { chmod, copyFile, cp, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import about from "../package.json" with { type: "json" };

const { values } = parseArgs({ options: { out: { type: "string", default: "dist/npm" } } });
const root = resolve(import.meta.dirname, "..");
const out = resolve(values.out);

await rm(out, { recursive: true, force: true });
await mkdir(join(out, "lib"), { recursive: true });
const { metafile } = await build({
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
  metafile: true,
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
  repository: about.repository,
  type: "module",
  engines: { node: ">=20.12" },
  // The second name makes it `kubectl image-security`.
  bin: { "image-security": "lib/image-security.mjs", "kubectl-image_security": "lib/image-security.mjs" },
  files: ["lib", "schemas", "README.md", "LICENSE", "THIRD-PARTY-LICENSES"],
};
await writeFile(join(out, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
await writeFile(join(out, "README.md"), withLinks(await readFile(join(root, "docs/command-line.md"), "utf8")));
// For editors.
await cp(join(root, "crds/schemas"), join(out, "schemas"), { recursive: true });
await copyFile(join(root, "LICENSE"), join(out, "LICENSE"));
await writeFile(join(out, "THIRD-PARTY-LICENSES"), await licencesOf(Object.keys(metafile.inputs)));
console.log(out);

/** A page of docs/ whose links lead to the repository, as it is in this version. */
function withLinks(page: string): string {
  const repository = about.repository.url.replace(/^git\+/, "").replace(/\.git$/, "");
  return page.replaceAll(
    /(!?)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)/g,
    (_, image: string, text: string, path: string) =>
      `${image}[${text}](${repository}/${image === "" ? "blob" : "raw"}/v${about.version}/docs/${path})`,
  );
}

/** The licences of the packages that these files are from, each package once: its name and licence alone where it brings no text. */
async function licencesOf(files: readonly string[]): Promise<string> {
  const packages = new Set(files.flatMap((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []));
  const texts = [...packages].toSorted().map(async (place) => {
    const { name, version, license } = JSON.parse(await readFile(join(root, place, "package.json"), "utf8")) as {
      name: string;
      version: string;
      license: string;
    };
    const own = (await readdir(join(root, place))).filter((file) => /^(?:licen[cs]e|notice|copying)/i.test(file));
    const bodies = await Promise.all(own.toSorted().map((file) => readFile(join(root, place, file), "utf8")));
    return [`${name} ${version} (${license})`, ...bodies.map((body) => body.trim())].join("\n\n");
  });
  return `${(await Promise.all(texts)).join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}
