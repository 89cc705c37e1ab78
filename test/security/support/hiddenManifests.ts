/** Manifests in which kubectl sees an image that other readers of YAML do not, or might not. */

export const good: string = `registry.company.com/app@sha256:${"a".repeat(64)}`;
export const evil = "evil.io/miner:1";
const config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n";
export const pod = (image: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: '${image}'}]}\n`;
export const goodPod: object = { apiVersion: "v1", kind: "Pod", spec: { containers: [{ name: "web", image: good }] } };
export const item = (text: string): string => `- ${text.trimEnd().replaceAll("\n", "\n  ")}\n`;
export const merging = (lines: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations: &bad {image: '${evil}'}\n  labels: &ok {image: '${good}'}\nspec:\n  containers:\n  - name: web\n${lines}`;

/** What is read as kubectl reads it; the images that are in it, where these are not `evil` alone. */
export const read: readonly (readonly [why: string, text: string, images?: readonly string[]])[] = [
  [
    "an object of any kind with items",
    `${config}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: around}\nitems:\n${item(pod(evil))}`,
  ],
  ["a list without an apiVersion", `${config}---\nkind: List\nitems:\n${item(pod(evil))}`],
  [
    "a list that says what its items are",
    `${config}---\napiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: web}\n  spec: {containers: [{name: web, image: '${evil}'}]}\n`,
  ],
  ["a Pod with items of its own", `${pod(good)}items:\n${item(pod(evil))}`, [good, evil]],
  ["a kind in base64", pod(evil).replace("kind: Pod", "kind: !!binary UG9k")],
  ["a version in base64", pod(evil).replace("apiVersion: v1", "apiVersion: !!binary djE=")],
  ["a key in base64", pod(evil).replace("spec:", "!!binary c3BlYw==:")],
  ["an image in base64", pod(good).replace(`'${good}'`, `!!binary ${Buffer.from(evil).toString("base64")}`)],
  ["a merge key before what overrides it", merging(`    <<: *ok\n    image: ${evil}\n`)],
  ["a list of merges, of which the first counts", merging("    <<: [*bad, *ok]\n")],
  ["a merge key in quotes, which is none", merging(`    image: ${evil}\n    '<<': *ok\n`)],
];

/** What has two readings, with the line of it. */
export const refused: readonly (readonly [why: string, text: string, line: number])[] = [
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
