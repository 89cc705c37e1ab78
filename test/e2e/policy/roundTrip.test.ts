import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import * as fc from "fast-check";
import { parseAllDocuments } from "yaml";
import type { ImageSecurityPolicy, PolicySpec } from "../../../crds/types.ts";
import { compilePolicy } from "../../../policy/compile/policy.ts";
import { spec as anySpec } from "../../property/arbitraries.ts";
import { policy } from "../../unit/policy/judging.ts";
import { clusterTimeout, startCluster, type Cluster } from "../harness/cluster.ts";

/** What the schema has defaults for, each left out and within its parents. */
const SPARSE: readonly PolicySpec[] = [
  { digest: {} },
  { scan: {} },
  { scan: { sources: [{ imageAnnotation: {} }, { vulnerabilityReport: {} }] }, match: {} },
  { registries: { allow: [] }, audit: {} },
  {
    authorities: [{ name: "n", notation: { certificates: { pem: "-----BEGIN CERTIFICATE-----" }, identities: ["*"] } }],
    signatures: { authorities: ["n"] },
    baseImages: { required: true },
  },
];

describe("a policy that comes back from the API server", function () {
  this.timeout(clusterTimeout);
  let cluster: Cluster;
  let count = 0;

  before(async () => {
    cluster = await startCluster();
    await cluster.installCrds();
  });

  /** The same specifications as the API server gives them. */
  const roundTrip = async (specs: readonly unknown[]): Promise<readonly ImageSecurityPolicy[]> => {
    const round = `round-${count++}`;
    const items = specs.map((spec, index) => ({
      apiVersion: "imagesecurity.dev/v1",
      kind: "ImageSecurityPolicy",
      metadata: { name: `${round}-${index}`, labels: { round } },
      spec,
    }));
    const input = JSON.stringify({ apiVersion: "v1", kind: "List", items });
    const created = await cluster.kubectl("create", "-f", "-", { input });
    assert.equal(created.code, 0, created.stderr);
    const { stdout } = await cluster.kubectl("get", "isp", "-l", `round=${round}`, "-o", "json");
    const deleted = await cluster.kubectl("delete", "isp", "-l", `round=${round}`);
    assert.equal(deleted.code, 0, deleted.stderr);
    const byName = new Map(
      (JSON.parse(stdout) as { items: ImageSecurityPolicy[] }).items.map((one) => [one.metadata.name, one]),
    );
    return items.map(({ metadata }) => byName.get(metadata.name)!);
  };

  const sameAsFile = async (specs: readonly PolicySpec[]): Promise<void> => {
    const stored = await roundTrip(specs);
    for (const [index, spec] of specs.entries()) {
      const file = policy(spec);
      const api = compilePolicy(stored[index]!, () => ({ status: "missing", message: "not there" }));
      const again = compilePolicy({ ...stored[index]!, spec }, () => ({ status: "missing", message: "not there" }));
      assert.equal(api.key, again.key, JSON.stringify([spec, stored[index]?.spec]));
      assert.deepEqual(api.faults, again.faults);
      assert.deepEqual(
        file.faults.map(({ path, reason }) => [path, reason]),
        api.faults.map(({ path, reason }) => [path, reason]),
      );
    }
  };

  it("compiles as the file does, defaults and all", () => sameAsFile(SPARSE));

  it("compiles as the file does, whatever is in it", () => sameAsFile(fc.sample(anySpec, { numRuns: 20, seed: 1 })));

  it("compiles as the file does, with every field there is", async () => {
    const documents = parseAllDocuments(
      await readFile(new URL("../crds/completeExample.yaml", import.meta.url), "utf8"),
    );
    const specs = documents
      .map((document) => document.toJS() as ImageSecurityPolicy)
      .filter(({ kind }) => kind === "ImageSecurityPolicy")
      .map(({ spec }) => spec);
    assert.ok(specs.length > 0);
    await sameAsFile(specs);
    for (const spec of specs) {
      const shape = policy(spec).faults.filter(
        ({ reason, message }) => reason === "InvalidSpec" && /known field|is missing|is not/.test(message),
      );
      assert.deepEqual(shape, []);
    }
  });
});
