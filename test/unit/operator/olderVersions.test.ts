import assert from "node:assert/strict";
import { liveObject } from "../../../operator/admissionPolicies/live.ts";
import { NAME_PREFIX } from "../../../operator/admissionPolicies/wanted.ts";
import { MANAGED_BY } from "../../../operator/cluster/managedBy.ts";
import { reportName } from "../../../operator/reports/reportBody.ts";
import { defaultSettings } from "../../../operator/settings/settings.ts";
import { violationName } from "../../../operator/violations/violationName.ts";
import {
  CONFIGURATION_NAME,
  guardEntries,
  isOwnEntry,
  pinningEntries,
  probeEntry,
} from "../../../webhook/configurations/generate.ts";

/** What the operator of commit 2119c4b, the first with a chart, left in a cluster. */
const LEFT = {
  pod: "7db11eeb-9cc5-403c-9d55-f0b60f45bbb8",
  policy: "9bf9bc23-f6b4-46a7-aaba-ff5741a98787",
  violation: "early.origin-db9a212d",
  report: "image-security-7db11eeb-9cc5-403c-9d55-f0b60f45bbb8",
  admissionPolicy: "image-security.origin",
  labels: { "app.kubernetes.io/managed-by": "image-security", "app.kubernetes.io/name": "image-security" },
  lease: "image-security",
  secret: "image-security-webhook-certificates",
  configuration: "image-security",
  entries: [
    "cronjobs.mutate.imagesecurity.dev",
    "cronjobs.validate.imagesecurity.dev",
    "pods.mutate.imagesecurity.dev",
    "pods.validate.imagesecurity.dev",
    "probe.validate.imagesecurity.dev",
    "workloads.mutate.imagesecurity.dev",
    "workloads.validate.imagesecurity.dev",
  ],
} as const;

/**
 * Another name, and an upgrade makes everything anew beside what nobody keeps any more: Violations twice, two leaders at once, entries of a
 * webhook that nobody answers. What must change is to be moved by the operator.
 */
describe("what an older version left", () => {
  it("is found by the same names: Violations and Reports", () => {
    const of = { pod: "early", podUid: LEFT.pod, policy: "origin", policyUid: LEFT.policy };
    assert.equal(violationName(of), LEFT.violation);
    assert.equal(reportName({ uid: LEFT.pod }), LEFT.report);
  });

  it("is found by the same names: generated policies, by their label, too", () => {
    assert.equal(`${NAME_PREFIX}origin`, LEFT.admissionPolicy);
    const metadata = { name: LEFT.admissionPolicy, labels: LEFT.labels };
    assert.equal(liveObject({ kind: "ValidatingAdmissionPolicy", metadata }).ours, true);
    assert.deepEqual({ ...LEFT.labels, ...MANAGED_BY }, LEFT.labels);
  });

  it("is found by the same names: the Lease and the certificates", () => {
    const { leaseName, certificateSecret } = defaultSettings();
    assert.deepEqual([leaseName, certificateSecret], [LEFT.lease, LEFT.secret]);
  });

  it("is found by the same names: both webhook configurations and the entries in them", () => {
    assert.equal(CONFIGURATION_NAME, LEFT.configuration);
    const options = {
      target: { type: "service", namespace: "n", name: "s", port: 443 },
      namespace: "n",
      excludeNamespaces: [],
      caBundle: "",
    } as const;
    const now = [...guardEntries(options), probeEntry(options), ...pinningEntries(options)].map(({ name }) => name);
    assert.deepEqual(now.toSorted(), LEFT.entries);
    assert.ok(LEFT.entries.every((name) => isOwnEntry({ name })));
  });
});
