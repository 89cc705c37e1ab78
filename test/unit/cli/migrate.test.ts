import assert from "node:assert/strict";
import {
  migrateText,
  type MigratedText,
  type MigrateOptions,
  type Resolution,
} from "../../../cli/migrate/migrateText.ts";
import { migrationText } from "../../../cli/migrate/report.ts";

const digest = `sha256:${"a".repeat(64)}`;

const resolve = async (image: string): Promise<Resolution> =>
  image.includes("gone") ? { status: "failed", message: "is not there" } : { status: "resolved", digest };

const migrate = (text: string, options: Partial<MigrateOptions> = {}): Promise<MigratedText> =>
  migrateText(text, { keepTag: false, placeholders: [], isKustomization: false, resolve, ...options });

const textOf = async (...args: Parameters<typeof migrate>): Promise<string> => {
  const result = await migrate(...args);
  assert.equal(result.status, "ok", JSON.stringify(result));
  return result.status === "ok" ? result.text.replaceAll(digest, "DIGEST") : "";
};

const pod = (containers: string): string => `apiVersion: v1\nkind: Pod\nspec:\n  containers:\n${containers}`;

describe("migrate", () => {
  const manifests: readonly (readonly [why: string, before: string, after: string, kept?: string])[] = [
    ["a plain scalar", pod("  - image: nginx:1.21\n"), pod("  - image: nginx@DIGEST\n")],
    ["no tag at all, which is latest", pod("  - image: nginx\n"), pod("  - image: nginx@DIGEST\n")],
    ["a port before the tag", pod("  - image: r.io:5000/a/b:1\n"), pod("  - image: r.io:5000/a/b@DIGEST\n")],
    ["double quotes", pod('  - image: "nginx:1.21"\n'), pod('  - image: "nginx@DIGEST"\n')],
    [
      "single quotes and a comment",
      pod("  - image:   'nginx:1'   # web\n"),
      pod("  - image:   'nginx@DIGEST'   # web\n"),
    ],
    ["flow style", pod("  - {name: a, image: nginx:1}\n"), pod("  - {name: a, image: nginx@DIGEST}\n")],
    [
      "Windows line ends",
      pod("  - image: nginx:1\r\n    name: a\r\n"),
      pod("  - image: nginx@DIGEST\r\n    name: a\r\n"),
    ],
    ["no line end at the end", pod("  - image: nginx:1"), pod("  - image: nginx@DIGEST")],
    ["a byte order mark", `\ufeff${pod("  - image: nginx:1\n")}`, `\ufeff${pod("  - image: nginx@DIGEST\n")}`],
    ["a digest already", pod(`  - image: nginx:1@${digest}\n`), pod("  - image: nginx:1@DIGEST\n")],
    [
      "JSON",
      '{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"nginx:1"}]}}',
      '{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"nginx@DIGEST"}]}}',
    ],
    [
      "an anchor and its alias, once",
      pod("  - image: &web nginx:1\n  - image: *web\n"),
      pod("  - image: &web nginx@DIGEST\n  - image: *web\n"),
    ],
    [
      "all kinds of containers, image volumes, several documents, kinds of others",
      `apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n  spec: {initContainers: [{image: a:1}], ephemeralContainers: [{image: b:1}], volumes: [{image: {reference: c:1}}]}\n---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec: {template: {spec: {containers: [{image: d:1}]}}}\n`,
      `apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n  spec: {initContainers: [{image: a@DIGEST}], ephemeralContainers: [{image: b@DIGEST}], volumes: [{image: {reference: c@DIGEST}}]}\n---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec: {template: {spec: {containers: [{image: d@DIGEST}]}}}\n`,
    ],
    [
      "no image but something that is called so",
      "apiVersion: v1\nkind: ConfigMap\ndata: {image: nginx:1}\n",
      "apiVersion: v1\nkind: ConfigMap\ndata: {image: nginx:1}\n",
    ],
  ];
  for (const [why, before, after] of manifests) {
    it(`writes a digest into a manifest with ${why}`, async () => assert.equal(await textOf(before), after));
    it(`changes nothing the second time: ${why}`, async () => {
      const once = await migrate(before);
      assert.ok(once.status === "ok");
      const twice = await migrate(once.text);
      assert.ok(twice.status === "ok");
      assert.equal(twice.text, once.text);
      assert.deepEqual(twice.images, []);
    });
  }

  it("keeps the tag where that is wished", async () =>
    assert.equal(
      await textOf(pod('  - image: "nginx:1.21"\n'), { keepTag: true }),
      pod('  - image: "nginx:1.21@DIGEST"\n'),
    ));

  it("leaves the words alone that an injector replaces, and asks nobody about them", async () => {
    const text = pod("  - image: auto\n  - image: nginx:1\n  - image: auto:1\n");
    assert.equal(
      await textOf(text, { placeholders: ["auto"] }),
      pod("  - image: auto\n  - image: nginx@DIGEST\n  - image: auto@DIGEST\n"),
    );
    assert.deepEqual(await migrate(pod("  - image: auto\n"), { placeholders: ["auto"], resolve: assert.fail }), {
      status: "ok",
      text: pod("  - image: auto\n"),
      images: [],
    });
  });

  const kustomizations: readonly (readonly [why: string, before: string, after: string, kept: string])[] = [
    [
      "a tag",
      "images:\n- name: nginx\n  newTag: 1.20 # why\n",
      "images:\n- name: nginx\n  digest: DIGEST # why\n",
      "images:\n- name: nginx\n  newTag: 1.20 # why\n  digest: DIGEST\n",
    ],
    [
      "a tag first, and a new name",
      'images:\r\n- newTag: "1"\r\n  newName: r.io/x\r\n  name: x\r\n',
      'images:\r\n- digest: "DIGEST"\r\n  newName: r.io/x\r\n  name: x\r\n',
      'images:\r\n- newTag: "1"\r\n  digest: DIGEST\r\n  newName: r.io/x\r\n  name: x\r\n',
    ],
    [
      "flow style",
      "images: [{name: nginx, newTag: v1}]",
      "images: [{name: nginx, digest: DIGEST}]",
      "images: [{name: nginx, newTag: v1, digest: DIGEST}]",
    ],
    [
      "a digest",
      "images:\n- {name: a, newTag: v1, digest: d}\n",
      "images:\n- {name: a, newTag: v1, digest: d}\n",
      "images:\n- {name: a, newTag: v1, digest: d}\n",
    ],
    [
      "a new name only",
      "images:\n- {name: a, newName: b}\n",
      "images:\n- {name: a, newName: b}\n",
      "images:\n- {name: a, newName: b}\n",
    ],
  ];
  for (const [why, before, after, kept] of kustomizations)
    it(`writes a digest into a kustomization with ${why}`, async () => {
      assert.equal(await textOf(before, { isKustomization: true }), after);
      assert.equal(await textOf(before, { isKustomization: true, keepTag: true }), kept);
    });

  const values: readonly (readonly [why: string, before: string, after: string])[] = [
    ["one string", "image: nginx:1\n", "image: nginx@DIGEST\n"],
    ["a name of its own", "proxyImage: 'nginx:1'\n", "proxyImage: 'nginx@DIGEST'\n"],
    [
      "a repository and a tag",
      "image:\n  repository: a/b\n  tag: 1.20\n",
      "image:\n  repository: a/b\n  tag: 1.20@DIGEST\n",
    ],
    [
      "a registry, and a key for the digest",
      'image:\n  registry: quay.io\n  repository: a/b\n  tag: "1"\n  digest: ""\n',
      'image:\n  registry: quay.io\n  repository: a/b\n  tag: "1"\n  digest: "DIGEST"\n',
    ],
    [
      "a key for the digest, left empty",
      "i:\n  repository: a\n  digest:\n  tag: v1\n",
      "i:\n  repository: a\n  digest: DIGEST\n  tag: v1\n",
    ],
    ["an image and a tag beside it", "image: nginx\ntag: v1\n", "image: nginx\ntag: v1@DIGEST\n"],
  ];
  for (const [why, before, after] of values)
    it(`writes a digest into the values of a chart with ${why}`, async () => assert.equal(await textOf(before), after));

  it("tells what it left alone, and why", async () => {
    const text = `${pod("  - image: gone:1\n  - image: UPPER:1\n  - image: >-\n      nginx:1\n")}---\n{}\n`;
    const result = await migrate(text);
    assert.ok(result.status === "ok");
    assert.equal(result.text, text);
    assert.equal(
      migrationText([{ path: "pod.yaml", result }], false).replaceAll(
        /UPPER:1: left alone: .*/g,
        "UPPER:1: left alone",
      ),
      "pod.yaml:5: gone:1: left alone: is not there\n" +
        "pod.yaml:6: UPPER:1: left alone\n" +
        "pod.yaml:7: nginx:1: left alone: is a block scalar; write it in one line\n" +
        "0 images in 0 files to pin, 3 left alone\n",
    );
    const chart = await migrate("image: {repository: a, tag: ''}\n");
    assert.ok(chart.status === "ok");
    assert.match(migrationText([{ path: "v", result: chart }], false), /v:1: a: left alone: has no tag of its own/);
  });

  it("leaves what is no YAML alone, and names the line", async () => {
    const result = await migrate("kind: Pod\n{{ if .Values.x }}\nimage: nginx:1\n{{ end }}\n");
    assert.equal(result.status, "unreadable");
    assert.match(migrationText([{ path: "t.yaml", result }], false), /^t\.yaml:2: left alone: is no YAML/);
  });

  it("spells out what a terminal would obey", async () => {
    const result = await migrate('image: "gone\\e[31m\\u202e:1"\n');
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(migrationText([{ path: "v", result }], false), /[\u0000-\u0009\u000b-\u001f\u202e]/);
  });
});
