import assert from "node:assert/strict";
import { createLeaving, REMOVAL } from "../../../webhook/guard/leaving.ts";

const NOW = Date.parse("2026-06-01T12:00:00Z");
const MINUTE = 60_000;

/** What the API server has in the namespace `own`; a number: it answers with this status. */
interface Cluster {
  namespace: object | number;
  removal: object | number;
}

const configMap = (uid: string, age: number): object => ({
  metadata: { uid, creationTimestamp: new Date(NOW - age).toISOString() },
});

describe("whether the operator is being removed", () => {
  let cluster: Cluster;
  let now: number;
  let warnings: string[];
  let leaving: () => Promise<boolean>;
  const start = (): void => {
    leaving = createLeaving({
      client: {
        request: (_, path) => {
          const found = path === "/api/v1/namespaces/own" ? cluster.namespace : cluster.removal;
          assert.ok(found === cluster.namespace || path === `/api/v1/namespaces/own/configmaps/${REMOVAL}`);
          return Promise.resolve(
            typeof found === "number" ? { status: found, body: {}, size: 0 } : { status: 200, body: found, size: 0 },
          );
        },
      },
      namespace: "own",
      now: () => now,
      log: { warn: (message) => void warnings.push(message) },
    });
  };
  beforeEach(() => {
    cluster = { namespace: { metadata: {} }, removal: 404 };
    now = NOW;
    warnings = [];
    start();
  });

  it("is not so where nothing says so, or nobody knows", async () => {
    assert.equal(await leaving(), false);
    for (const status of [403, 500]) {
      cluster = { namespace: status, removal: status };
      assert.equal(await leaving(), false);
    }
  });

  it("is so while its namespace is deleted", async () => {
    cluster.namespace = { metadata: { deletionTimestamp: "2026-06-01T11:59:59Z" } };
    assert.equal(await leaving(), true);
  });

  it("is so as long as a ConfigMap is there that came while it ran, however long Helm takes", async () => {
    assert.equal(await leaving(), false);
    cluster.removal = configMap("a", 0);
    for (const minutes of [0, 9, 11, 600]) {
      now = NOW + minutes * MINUTE;
      assert.equal(await leaving(), true, `${minutes} minutes`);
    }
    cluster.removal = 404;
    assert.equal(await leaving(), false);
    assert.deepEqual(warnings, []);
  });

  it("goes on to be so when its rights have gone", async () => {
    assert.equal(await leaving(), false);
    cluster.removal = configMap("a", 0);
    assert.equal(await leaving(), true);
    cluster = { namespace: 403, removal: 403 };
    assert.equal(await leaving(), true);
  });

  it("is so for one that starts in the middle of it, by any clock", async () => {
    for (const age of [5 * MINUTE, -5 * MINUTE]) {
      start();
      cluster.removal = configMap("a", age);
      assert.equal(await leaving(), true);
    }
  });

  it("is not so by a ConfigMap from before it: somebody applied what helm template renders", async () => {
    cluster.removal = configMap("a", 11 * MINUTE);
    assert.equal(await leaving(), false);
    assert.equal(await leaving(), false);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /--no-hooks.*skipHooks.*kubectl delete configmap image-security-removal -n own/);
  });

  it("ends to be so by one from before it once that is no longer new", async () => {
    cluster.removal = configMap("a", MINUTE);
    assert.equal(await leaving(), true);
    now += 10 * MINUTE;
    assert.equal(await leaving(), false);
  });

  it("is so when Helm makes another in place of the one from before it", async () => {
    cluster.removal = configMap("a", 11 * MINUTE);
    assert.equal(await leaving(), false);
    cluster.removal = configMap("b", 0);
    now += 20 * MINUTE;
    assert.equal(await leaving(), true);
  });

  it("does not take one for older than it because the first look failed", async () => {
    cluster.removal = 500;
    assert.equal(await leaving(), false);
    cluster.removal = configMap("a", MINUTE);
    assert.equal(await leaving(), true, "it is new");
  });
});
