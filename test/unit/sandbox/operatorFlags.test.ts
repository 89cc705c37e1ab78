import assert from "node:assert/strict";
import { readSettings } from "../../../operator/settings/settings.ts";
import { operatorFlags } from "../../../sandbox/operatorFlags.ts";

describe("the operator's flags in the sandbox", () => {
  const places = { kubeconfig: "/k", registryUrl: "http://127.0.0.1:5001", webhookClientCa: "/ca" };

  it("are flags that the operator knows, and mean what the sandbox promises", () => {
    const result = readSettings(operatorFlags(places), {});
    assert.ok(result.status === "ok", JSON.stringify(result));
    const { settings } = result;
    assert.equal(settings.kubeconfig, "/k");
    assert.equal(settings.trustNamespaces, "*");
    assert.deepEqual([...settings.registry.mirrors], [["registry.company.com", "http://127.0.0.1:5001"]]);
    assert.deepEqual([settings.webhookHost, settings.metricsHost], ["127.0.0.1", "127.0.0.1"]);
    assert.deepEqual([settings.webhookPort, settings.metricsPort], [0, 0]);
    assert.deepEqual(settings.webhookAddress, { type: "url" }, "there is no Service network");
    assert.equal(settings.webhookCallers.action, "Enforce", "other programs reach the port, too");
    assert.ok(settings.registry.allowedAddresses.includes("127.0.0.0/8"));
  });
});
