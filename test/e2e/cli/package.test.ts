import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { access, glob, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { run, type ToolResult } from "../registry-tools/tools.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Every Node at hand, by its version: the one of these tests, and others on PATH (`node`, `node20`, `node22`). */
const findNodes = async (): Promise<ReadonlyMap<string, string>> => {
  const found = new Map<string, string>();
  const candidates = (process.env["PATH"] ?? "")
    .split(delimiter)
    .flatMap((folder) => ["node", "node20", "node22"].map((name) => join(folder, name)));
  for (const program of [process.execPath, ...candidates]) {
    const version = await run(program, ["--version"]).catch(() => undefined);
    const [, major] = /^v(\d+)\./.exec(version?.stdout ?? "") ?? [];
    if (major !== undefined && !found.has(major)) found.set(major, program);
  }
  return found;
};

/** As far as it is looked at. */
interface KrewPlugin {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly version: string;
    readonly shortDescription: string;
    readonly platforms: readonly {
      readonly selector: { readonly matchExpressions: unknown };
      readonly uri: string;
      readonly sha256: string;
      readonly files: readonly { readonly from: string; readonly to: string }[];
      readonly bin: string;
    }[];
  };
}

describe("the published command line", function () {
  this.timeout(120_000);
  let folder: string;
  let nodes: ReadonlyMap<string, string>;
  let main: string;
  let tarball: string;

  const ask = (node: string, ...args: readonly string[]): Promise<ToolResult> =>
    run(node, [main, ...args], { cwd: folder, env: { PATH: process.env["PATH"], HOME: folder } });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "package-"));
    nodes = await findNodes();
    const built = await run(process.execPath, [join(root, "cli/bundle.ts"), "--out", join(folder, "npm")], {
      cwd: root,
    });
    assert.equal(built.code, 0, built.stderr);
    const packed = await run("npm", ["pack", "--silent"], { cwd: join(folder, "npm") });
    assert.equal(packed.code, 0, packed.stderr);
    const into = join(folder, "empty");
    await mkdir(into);
    await writeFile(join(into, "package.json"), "{}");
    tarball = join(folder, "npm", packed.stdout.trim());
    const installed = await run("npm", ["install", "--silent", "--offline", "--no-audit", "--no-fund", tarball], {
      cwd: into,
    });
    assert.equal(installed.code, 0, installed.stderr);
    assert.deepEqual((await readdir(join(into, "node_modules"))).toSorted(), [
      ".bin",
      ".package-lock.json",
      "image-security",
    ]);
    main = join(into, "node_modules/.bin/image-security");
    await writeFile(
      join(folder, "policy.yaml"),
      'apiVersion: imagesecurity.dev/v1\nkind: ImageSecurityPolicy\nmetadata: {name: p}\nspec: {registries: {allow: ["127.0.0.1:9"]}, digest: {verify: true}}\n',
    );
    await writeFile(
      join(folder, "pod.yaml"),
      "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: nginx}]}\n",
    );
  });
  after(async () => rm(folder, { recursive: true, force: true }));

  it("runs alone on every Node at hand, and judges as here", async () => {
    for (const [version, node] of nodes) {
      if (Number(version) < 20) continue;
      const { code, stdout, stderr } = await ask(node, "check", "pod.yaml", "--policy=policy.yaml");
      assert.equal(code, 1, `Node ${version}: ${stderr}`);
      assert.match(stdout, /\[p\] container "web", image "nginx": RegistryNotAllowed/, `Node ${version}`);
    }
    assert.ok(nodes.has("24"), [...nodes.keys()].join());
  });

  it("asks registries on every Node at hand", async () => {
    const image = `127.0.0.1:9/app@sha256:${"a".repeat(64)}`;
    for (const [version, node] of nodes) {
      if (Number(version) < 20) continue;
      const { code, stdout, stderr } = await ask(node, "check", "--policy=policy.yaml", `--image=${image}`);
      assert.equal(code, 1, `Node ${version}: ${stderr}`);
      assert.match(stdout, /EvidenceUnavailable: .*could not be reached|EvidenceUnavailable/, `Node ${version}`);
    }
  });

  it("is kubectl's plugin by its other name, and has neither operator nor sandbox", async () => {
    const plugins = join(folder, "plugins");
    await mkdir(plugins);
    await symlink(main, join(plugins, "kubectl-image_security"));
    const { stdout } = await run(join(plugins, "kubectl-image_security"), ["--help"], {
      env: { PATH: `${join(process.execPath, "..")}:${process.env["PATH"]}` },
    });
    assert.match(stdout, /check .*\n.* {2}audit/s);
    assert.doesNotMatch(stdout, /^ {2}(?:operator|sandbox) /m);
  });

  it("is installed by its krew manifest, as krew does it", async () => {
    const made = await run(process.execPath, [join(root, "cli/krew.ts"), tarball], { cwd: folder });
    assert.equal(made.code, 0, made.stderr);
    const { apiVersion, kind, metadata, spec } = parse(made.stdout) as KrewPlugin;
    assert.deepEqual([apiVersion, kind], ["krew.googlecontainertools.github.com/v1alpha2", "Plugin"]);
    // krew's own rules (internal/index/validation): a name without underscores, a version with its v, a short line.
    assert.match(metadata.name, /^[a-z][a-z0-9-]*$/);
    assert.match(spec.version, /^v\d+\.\d+\.\d+$/);
    assert.ok(spec.shortDescription.length <= 50, `${spec.shortDescription.length} letters`);
    assert.doesNotMatch(spec.shortDescription, /[\r\n]|\.$/);
    const [platform, ...others] = spec.platforms;
    assert.ok(platform !== undefined && others.length === 0);
    assert.deepEqual(platform.selector.matchExpressions, [{ key: "os", operator: "In", values: ["linux", "darwin"] }]);
    assert.equal(
      platform.sha256,
      createHash("sha256")
        .update(await readFile(tarball))
        .digest("hex"),
    );
    assert.match(platform.uri, /\/image-security-\d+\.\d+\.\d+\.tgz$/);

    const [extracted, store, bin] = [join(folder, "extracted"), join(folder, "store"), join(folder, "krew-bin")];
    for (const one of [extracted, store, bin]) await mkdir(one);
    assert.equal((await run("tar", ["xzf", tarball, "-C", extracted])).code, 0);
    const [{ from, to } = { from: "", to: "" }] = platform.files;
    let moved = 0;
    for await (const file of glob(from, { cwd: extracted })) {
      await rename(join(extracted, file), join(store, to, basename(file)));
      moved += 1;
    }
    assert.ok(moved > 1, `${from} is ${moved} files`);
    await symlink(join(store, platform.bin), join(bin, `kubectl-${metadata.name.replaceAll("-", "_")}`));
    const env = { PATH: [bin, dirname(process.execPath), process.env["PATH"]].join(delimiter), HOME: folder };
    const kubectl = await run("kubectl", ["version", "--client"], { env }).catch(() => undefined);
    const [program, args] = kubectl === undefined ? ["kubectl-image_security", []] : ["kubectl", ["image-security"]];
    const asked = await run(program, [...args, "check", "pod.yaml", "--policy=policy.yaml"], { cwd: folder, env });
    assert.equal(asked.code, 1, asked.stderr);
    assert.match(asked.stdout, /RegistryNotAllowed/);
  });

  it("completes in bash what it has", async () => {
    const { stdout } = await ask(process.execPath, "completion", "bash");
    for (const [line, completed] of [
      ["ch", "check"],
      ["check --output s", "sarif"],
      ["migrate --output s", ""],
      ["audit --all-n", "--all-namespaces"],
      ["export s", "static-manifests"],
      ["export static-manifests --gr", "--groups"],
    ] as const) {
      const words = line.split(" ");
      const script = `${stdout}\nCOMP_WORDS=(image-security ${line}); COMP_CWORD=${words.length}; _image_security; echo "\${COMPREPLY[@]}"`;
      assert.equal((await run("bash", ["-c", script])).stdout, completed, line);
    }
  });

  it("says of a command by help what the command says by --help", async () => {
    for (const command of ["check", "export"]) {
      const { stdout } = await ask(process.execPath, command, "--help");
      assert.match(stdout, /--template-placeholders|static-manifests/);
      assert.equal((await ask(process.execPath, "help", command)).stdout, stdout);
    }
  });

  it("brings the schemas for editors, and a page whose links lead somewhere", async () => {
    const at = join(dirname(main), "../image-security");
    for (const name of await readdir(join(root, "crds/schemas")))
      assert.equal(
        await readFile(join(at, "schemas", name), "utf8"),
        await readFile(join(root, "crds/schemas", name), "utf8"),
      );
    const links = [...(await readFile(join(at, "README.md"), "utf8")).matchAll(/\]\(([^)]+)\)/g)].map(([, to]) => to);
    assert.ok(links.length > 1);
    for (const to of links) {
      const [, path] =
        /^https:\/\/github\.com\/[^/]+\/[^/]+\/(?:blob|raw)\/v\d+\.\d+\.\d+\/([^#]+)/.exec(to ?? "") ?? [];
      await access(join(root, path ?? `nowhere: ${to}`));
    }
  });
});
