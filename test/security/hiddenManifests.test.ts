import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isJudged } from "../../cli/check/judgeManifest.ts";
import { UsageError } from "../../cli/exitCode.ts";
import { readManifests } from "../../cli/input/manifests.ts";
import { readFiles } from "../../cli/input/yamlFiles.ts";
import { migrateText } from "../../cli/migrate/migrateText.ts";
import { subjectOf } from "../../policy/subject/subjectOf.ts";

const good = `registry.company.com/app@sha256:${"a".repeat(64)}`;
const evil = "evil.io/miner:1";
const config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n";
const pod = (image: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: '${image}'}]}\n`;
const goodPod = { apiVersion: "v1", kind: "Pod", spec: { containers: [{ name: "web", image: good }] } };
const item = (text: string): string => `- ${text.trimEnd().replaceAll("\n", "\n  ")}\n`;
const merging = (lines: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations: &bad {image: '${evil}'}\n  labels: &ok {image: '${good}'}\nspec:\n  containers:\n  - name: web\n${lines}`;

/** The images that `check` judges. */
const imagesIn = (text: string): readonly string[] =>
  readManifests([{ path: "app.yaml", text }])
    .manifests.filter(isJudged)
    .flatMap(({ object, kind }) => subjectOf(object, { kind, namespace: "default", namespaceLabels: {} }).images)
    .map(({ image }) => image);

describe("images that only kubectl sees in a file", () => {
  const read: readonly (readonly [why: string, text: string, images?: readonly string[]])[] = [
    ["an object of any kind with items", `${config}---\napiVersion: v1\nkind: Bundle\nitems:\n${item(pod(evil))}`],
    ["a list without an apiVersion", `${config}---\nkind: List\nitems:\n${item(pod(evil))}`],
    [
      "a list that says what its items are",
      `${config}---\napiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: web}\n  spec: {containers: [{name: web, image: '${evil}'}]}\n`,
    ],
    ["a list in such a list", `apiVersion: v1\nkind: A\nitems:\n${item(`kind: B\nitems:\n${item(pod(evil))}`)}`],
    ["a Pod with items of its own", `${pod(good)}items:\n${item(pod(evil))}`, [good, evil]],
    ["a kind in base64", pod(evil).replace("kind: Pod", "kind: !!binary UG9k")],
    ["a version in base64", pod(evil).replace("apiVersion: v1", "apiVersion: !!binary djE=")],
    ["a key in base64", pod(evil).replace("spec:", "!!binary c3BlYw==:")],
    ["an image in base64", pod(good).replace(`'${good}'`, `!!binary ${Buffer.from(evil).toString("base64")}`)],
    ["a merge key before what overrides it", merging(`    <<: *ok\n    image: ${evil}\n`)],
    ["a list of merges, of which the first counts", merging("    <<: [*bad, *ok]\n")],
    ["a merge key in quotes, which is none", merging(`    image: ${evil}\n    '<<': *ok\n`)],
  ];
  for (const [why, text, images = [evil]] of read) {
    it(`judges ${why}`, () => assert.deepEqual(imagesIn(text), images));
  }

  const refused: readonly (readonly [why: string, text: string, line: number])[] = [
    ["an object behind a next line in a comment", `${config}---\n# ours\u0085${pod(evil)}`, 5],
    ["an object behind a line separator in a comment", `${config}---\n# ours\u2028${pod(evil)}`, 5],
    ["an object behind a paragraph separator in a comment", `${config}---\n# ours\u2029${pod(evil)}`, 5],
    ["an object behind a carriage return in a comment", `${config}---\n# ours\r${pod(evil)}`, 5],
    ["a byte order mark in the second document", `${config}---\n\u{FEFF}${pod(evil)}`, 5],
    ["a byte order mark at a key's beginning", pod(evil).replace("spec:", "\u{FEFF}spec:"), 4],
    ["two byte order marks", `\u{FEFF}\u{FEFF}${pod(evil)}`, 1],
    ["a merge behind what it overrides", merging(`    image: ${good}\n    <<: *bad\n`), 11],
    ["a merge of a merge behind it", merging(`    image: ${good}\n    <<: {<<: *bad}\n`), 11],
    ["a list of merges behind it", merging(`    image: ${good}\n    <<: [{a: b}, *bad]\n`), 11],
    ["two merges", merging("    <<: *ok\n    <<: *bad\n"), 11],
    ["a kind that a merge overrides", `kind: 1\n<<: {kind: Pod}\napiVersion: v1\nspec: {}\n`, 2],
    ["a question mark before a key", `{apiVersion: v1, kind: Pod, ?"spec": {containers: [{image: '${evil}'}]}}`, 1],
    ["JSON that is a key", `{"apiVersion": "v1", "kind": "Pod", "spec": {}}: x\n`, 1],
  ];
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
