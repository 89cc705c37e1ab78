import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isJudged } from "../../cli/check/judgeManifest.ts";
import { namespacesIn } from "../../cli/check/namespaces.ts";
import { UsageError } from "../../cli/exitCode.ts";
import { readManifests } from "../../cli/input/manifests.ts";
import { readFiles } from "../../cli/input/yamlFiles.ts";
import { migrateText } from "../../cli/migrate/migrateText.ts";
import { subjectOf } from "../../policy/subject/subjectOf.ts";
import { evil, good, goodPod, item, merging, pod, read, refused } from "./support/hiddenManifests.ts";

/** The images that `check` judges. */
const imagesIn = (text: string): readonly string[] =>
  readManifests([{ path: "app.yaml", text }])
    .manifests.filter(isJudged)
    .flatMap(({ object, kind }) => subjectOf(object, { kind, namespace: "default", namespaceLabels: {} }).images)
    .map(({ image }) => image);

describe("images that only kubectl sees in a file", () => {
  it("judges lists in lists, which kubectl does not take", () =>
    assert.deepEqual(
      imagesIn(`apiVersion: v1\nkind: List\nitems:\n${item(`kind: PodList\nitems:\n${item(pod(evil))}`)}`),
      [evil],
    ));
  for (const [why, text, images = [evil]] of read) {
    it(`judges ${why}`, () => assert.deepEqual(imagesIn(text), images));
  }

  for (const [why, text, line] of refused) {
    it(`takes no ${why}`, () =>
      assert.throws(
        () => imagesIn(text),
        (error) => error instanceof UsageError && error.message.startsWith(`app.yaml:${line}: `),
      ));
  }

  const usual: readonly (readonly [why: string, text: string])[] = [
    ["Windows' line ends", pod(good).replaceAll("\n", "\r\n")],
    ["a byte order mark at the beginning", `\u{FEFF}${pod(good)}`],
    ["a merge key first", merging(`    <<: *bad\n    image: ${good}\n`)],
    ["a merge key last that overrides nothing", merging(`    image: ${good}\n    <<: {env: []}\n`)],
    ["JSON with a line separator in its text", JSON.stringify({ a: "\u2028", ...goodPod })],
    ["a separator that is escaped", `${pod(good)}status: {message: "a\\u2028b"}\n`],
    ["files of other programs, which merge as they like", `a: &a {b: 1}\nc: {b: 2, <<: *a}\n---\n${pod(good)}`],
  ];
  for (const [why, text] of usual) {
    it(`reads ${why}`, () => assert.deepEqual(imagesIn(text), [good]));
  }

  it("reads long lists of other programs, merge keys of a map in itself among them", () => {
    const long = JSON.stringify({ data: Array.from({ length: 200_000 }, (_, at) => at) });
    assert.deepEqual(imagesIn(`${long}\n---\n${pod(good)}`), [good]);
    assert.throws(() => imagesIn(`kind: A\na: &a\n  b: 1\n  <<: *a\n`), UsageError);
  });

  it("takes no other name for a namespace than its own, which a selector may ask for", () => {
    const label = "kubernetes.io/metadata.name";
    const namespace = `apiVersion: v1\nkind: Namespace\nmetadata: {name: prod, labels: {${label}: dev, a: b}}\n`;
    const { manifests } = readManifests([{ path: "namespace.yaml", text: namespace }]);
    assert.deepEqual(namespacesIn(manifests, []).get("prod"), { a: "b", [label]: "prod" });
    assert.deepEqual(namespacesIn([], [`prod:${label}=dev`]).get("prod"), { [label]: "prod" });
  });

  it("says that migrate cannot read what ends a comment for kubectl alone", async () => {
    const { status } = await migrateText(`# ours\u2028${pod(evil)}`, {
      isKustomization: false,
      keepTag: false,
      placeholders: [],
      resolve: () => Promise.reject(new Error("nothing is to be asked")),
    });
    assert.equal(status, "unreadable");
  });

  it("follows links to files in a folder, as kubectl does", async () => {
    const folder = await mkdtemp(join(tmpdir(), "links-"));
    try {
      await mkdir(join(folder, "deploy"));
      await writeFile(join(folder, "notes.txt"), pod(evil));
      await symlink("../notes.txt", join(folder, "deploy", "web.yaml"));
      await symlink("../notes.txt", join(folder, "deploy", "README"));
      await symlink("../gone", join(folder, "deploy", ".#web.yaml"));
      await symlink("..", join(folder, "deploy", "around.yaml"));
      const files = await readFiles([join(folder, "deploy")]);
      assert.deepEqual(
        files.map(({ path, text }) => [path, imagesIn(text)]),
        [[join(folder, "deploy", "web.yaml"), [evil]]],
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
