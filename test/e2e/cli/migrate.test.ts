import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { addSamples, sampleRegistry, samples } from "../../../sandbox/registry/samples.ts";
import { startRegistry, type SandboxRegistry } from "../../../sandbox/registry/server.ts";
import { run, type ToolResult } from "../registry-tools/tools.ts";

const main = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));
const nginx = samples[0]!;
const image = `${sampleRegistry}/${nginx.repository}:${nginx.tag}`;
const pinned = `${sampleRegistry}/${nginx.repository}@${nginx.image.digest}`;
const pod = (name: string): string =>
  `# ours\napiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: web\n    image: ${name}   # web\n`;

describe("image-security migrate", function () {
  this.timeout(30_000);
  let registry: SandboxRegistry;
  let folder: string;

  const migrate = (args: readonly string[], input = ""): Promise<ToolResult> =>
    run(process.execPath, [main, "migrate", `--registry-mirror=${sampleRegistry}=${registry.url}`, ...args], {
      cwd: folder,
      env: { PATH: process.env["PATH"], HOME: folder },
      input,
    });
  const place = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return name;
  };

  before(async () => {
    registry = await startRegistry({});
    addSamples(registry.store);
  });
  after(async () => registry.close());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "migrate-"));
  });
  afterEach(async () => rm(folder, { recursive: true }));

  it("says what would change, and changes it only when told", async () => {
    const file = await place("pod.yaml", pod(image));
    const said = await migrate([file]);
    assert.equal(
      said.stdout,
      `pod.yaml:8: ${image} -> ${nginx.image.digest}\n1 image in 1 file to pin; change the files with --write`,
    );
    assert.equal(said.code, 0, said.stderr);
    assert.equal(await readFile(join(folder, file), "utf8"), pod(image));
    assert.equal((await migrate([file, "--check"])).code, 1);

    assert.equal((await migrate([".", "--write"])).code, 0);
    assert.equal(await readFile(join(folder, file), "utf8"), pod(pinned));
    const after = await migrate([file, "--check"]);
    assert.deepEqual([after.code, after.stdout], [0, "0 images in 0 files to pin"]);
  });

  it("works in a pipe, the result alone on standard output", async () => {
    const { code, stdout, stderr } = await migrate(["-"], pod(image));
    assert.equal(code, 0, stderr);
    assert.equal(`${stdout}\n`, pod(pinned));
    assert.match(stderr, /1 image in 1 file pinned/);
  });

  it("tells programs the same as JSON", async () => {
    const { stdout } = await migrate([await place("pod.yaml", pod(image)), "--output=json"]);
    assert.deepEqual(JSON.parse(stdout), [
      { path: "pod.yaml", images: [{ line: 8, image, status: "pinned", digest: nginx.image.digest }] },
    ]);
  });

  it("ends with 2 where an image could not be resolved, and leaves it alone", async () => {
    const file = await place("pod.yaml", pod(`${sampleRegistry}/nginx:none`));
    const { code, stdout } = await migrate([file, "--write"]);
    assert.equal(code, 2);
    assert.match(
      stdout,
      /pod\.yaml:8: registry\.company\.com\/nginx:none: left alone: .+\n0 images in 0 files pinned, 1 left/,
    );
    assert.equal(await readFile(join(folder, file), "utf8"), pod(`${sampleRegistry}/nginx:none`));
  });

  it("asks with the credentials of a docker config and of its helpers", async () => {
    await using closed = await privateRegistry();
    const config = (content: object): Promise<string> => place("config.json", JSON.stringify(content));
    const file = await place("pod.yaml", pod(`${closed.host}/${nginx.repository}:${nginx.tag}`));
    const ask = async (): Promise<ToolResult> =>
      run(process.execPath, [main, "migrate", file, "--check"], {
        cwd: folder,
        env: { PATH: `${folder}:${process.env["PATH"]}`, HOME: folder, DOCKER_CONFIG: folder },
      });
    assert.equal((await ask()).code, 2);
    const auth = Buffer.from("ada:secret").toString("base64");
    await config({ auths: { [closed.host]: { auth } } });
    assert.equal((await ask()).code, 1, (await ask()).stdout);
    await config({ credHelpers: { [closed.host]: "test" } });
    assert.equal((await ask()).code, 2, "there is no such helper");
    const helper = join(folder, "docker-credential-test");
    await writeFile(
      helper,
      `#!/bin/sh\nread host\n[ "$host" = "${closed.host}" ] && echo '{"Username":"ada","Secret":"secret"}'\n`,
      {
        mode: 0o755,
      },
    );
    assert.equal((await ask()).code, 1, (await ask()).stdout);
  });

  const mistakes: readonly (readonly [why: string, args: readonly string[], expected: RegExp])[] = [
    ["no file", [], /missing required argument 'paths'/],
    ["a file that is not there", ["none.yaml"], /none\.yaml: there is no such file or folder/],
    ["an unknown flag", ["x", "--wirte"], /unknown option '--wirte'/],
    ["two flags that exclude each other", ["x", "--write", "--check"], /--write and --check exclude each other/],
    ["standard input beside files", ["x", "-"], /standard input \(-\) is given alone/],
    ["a flag of another form", ["x", "--registry-mirror=x"], /--registry-mirror/],
  ];
  for (const [why, args, expected] of mistakes)
    it(`ends with 2 for ${why}`, async () => {
      const { code, stderr, stdout } = await migrate(args);
      assert.equal(code, 2);
      assert.match(stderr, expected);
      assert.equal(stdout, "");
    });
});

const privateRegistry = async (): Promise<AsyncDisposable & { readonly host: string }> => {
  const registry = await startRegistry({
    auth: { type: "basic", users: { ada: { password: "secret", pull: ["*"] } } },
  });
  addSamples(registry.store);
  return { host: registry.host, [Symbol.asyncDispose]: () => registry.close() };
};
