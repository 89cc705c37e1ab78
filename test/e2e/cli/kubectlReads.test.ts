import assert from "node:assert/strict";
import { isJudged } from "../../../cli/check/judgeManifest.ts";
import { UsageError } from "../../../cli/exitCode.ts";
import { readManifests } from "../../../cli/input/manifests.ts";
import { subjectOf } from "../../../policy/subject/subjectOf.ts";
import { evil, read, refused } from "../../security/support/hiddenManifests.ts";
import { clusterTimeout, startCluster, type Cluster } from "../harness/cluster.ts";

/** The images of a Pod, or of those of a list. */
const imagesOf = (value: unknown): readonly string[] =>
  readManifests([{ path: "said.json", text: JSON.stringify(value) }])
    .manifests.filter(isJudged)
    .flatMap(({ object, kind }) => subjectOf(object, { kind, namespace: "default", namespaceLabels: {} }).images)
    .map(({ image }) => image);

const judged = (text: string): readonly string[] | "refused" => {
  try {
    return readManifests([{ path: "app.yaml", text }]).manifests.flatMap(({ object }) => imagesOf(object));
  } catch (error) {
    if (error instanceof UsageError) return "refused";
    throw error;
  }
};

describe("what kubectl makes of a file", function () {
  this.timeout(60_000);
  let cluster: Cluster;

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startCluster();
  });

  for (const [why, text] of [...read, ...refused]) {
    it(`is judged, or refused: ${why}`, async () => {
      const { stdout, stderr } = await cluster.kubectl(
        "create",
        "--dry-run=client",
        "--validate=false",
        "-o=json",
        "-f=-",
        { input: text },
      );
      // One object after the other.
      const made = stdout.split(/(?<=^\})\n/m).filter((one) => one.trim() !== "");
      const seen = made.flatMap((one) => imagesOf(JSON.parse(one)));
      const ours = judged(text);
      if (ours !== "refused") assert.ok(seen.includes(evil), `${stdout}\n${stderr}`);
      if (ours !== "refused")
        assert.deepEqual(
          seen.filter((image) => !ours.includes(image)),
          [],
        );
    });
  }
});
