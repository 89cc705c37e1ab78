import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { dashboardOf } from "./dashboard.ts";
import { BAD_ABOVE_ZERO, bars, enforced, lines, number, table, WARN_ABOVE_ZERO } from "./panels.ts";

const VIOLATIONS = `image_security_violations{policy=~"$policy",namespace=~"$namespace",job=~"$job"}`;
const COUNTED = `image_security_violations{policy=~"$policy",namespace=~"$namespace",job=~"$job",action!="exempted"}`;
const REFUSED_ANEW = `image_security_reschedule_refused_pods{namespace=~"$namespace",job=~"$job"}`;
const UNCOVERED = `image_security_namespace_uncovered_images{namespace=~"$namespace",job=~"$job"}`;
const REFUSALS = `image_security_refusals_total{policy=~"$policy",namespace=~"$namespace|",job=~"$job"}`;
const ENDS = `image_security_exception_expiry_timestamp_seconds{job=~"$job"}`;
const VULNERABILITIES = `image_security_image_vulnerabilities{namespace=~"$namespace",job=~"$job"}`;
/** The API server's own, of what the operator keeps there (--admission-policies): the policy's name without its prefix. */
const BY_API_SERVER = `label_replace(sum by (policy) (rate(apiserver_validating_admission_policy_check_total{policy=~"image-security[.].+",enforcement_action="deny"}[$__rate_interval])), "policy", "$1", "policy", "image-security[.](.+)")`;

/** Zero where nothing is counted and somebody counts; nothing where nobody leads, which is no zero. */
const orZero = (expr: string): string => `${expr} or max(image_security_audit_pods{job=~"$job"}) * 0`;

const expiring = (within: string): string =>
  `sum by (policy, namespace) (image_security_expiring_scans{policy=~"$policy",namespace=~"$namespace",job=~"$job",within="${within}"})`;

/** For whoever answers for what runs. */
export const security: Dashboard = dashboardOf({
  uid: "image-security",
  title: "Image security",
  about: "Which images run that should not, what is not covered, what comes, and what was refused.",
  variables: [
    ["policy", "Policy", 'label_values(image_security_exempted{job=~"$job"}, policy)'],
    // Where everything is refused nothing violates, and where nothing runs nothing is uncovered.
    [
      "namespace",
      "Namespace",
      'label_values({__name__=~"image_security_(violations|refusals_total|namespace_uncovered_images)",job=~"$job"}, namespace)',
    ],
  ],
  rows: {
    Now: [
      enforced(4),
      number("Violations", orZero(`sum(${COUNTED})`), {
        about:
          "Pods that violate a rule of a policy now: a pod that violates two rules counts twice. Only the operator that leads exports it.",
        width: 4,
        colours: WARN_ABOVE_ZERO,
      }),
      number("Refused if made anew", orZero(`sum(${REFUSED_ANEW})`), {
        about:
          "Running pods that admission would refuse if they were made anew, such as after a node drain. See to them before maintenance.",
        width: 4,
        colours: WARN_ABOVE_ZERO,
      }),
      number(
        "Requests denied, last hour",
        'round(sum(increase(image_security_admission_requests_total{job=~"$job",decision="deny"}[1h]))) or vector(0)',
        {
          about: "Admission requests that were refused.",
          width: 4,
        },
      ),
      number("Exceptions that end within 7 days", orZero(`count(${ENDS} - time() < 7 * 86400)`), {
        about: "What they silence counts again from then on. The table below says which.",
        width: 4,
        colours: WARN_ABOVE_ZERO,
      }),
      number("Policies not ready", 'max(image_security_policies{job=~"$job",state="notready"})', {
        about: "They refer to something that cannot be read or understood: kubectl get isp -o wide says what.",
        width: 4,
        colours: BAD_ABOVE_ZERO,
      }),
    ],
    "What nothing would refuse": [
      bars(
        "Images that no deny policy covers",
        'max by (layer) (image_security_uncovered_images{job=~"$job"})',
        "{{layer}}",
        {
          about:
            "Distinct images of pods that no policy of action deny would refuse by this layer, whatever they are. warn and dryrun do not cover. 0 in each layer is the aim of a rollout.",
          width: 6,
          colours: WARN_ABOVE_ZERO,
        },
      ),
      table(
        "Where",
        { namespace: "Namespace" },
        ["registries", "digest", "scan", "signatures"].map((layer) => ({
          title: `${layer.charAt(0).toUpperCase()}${layer.slice(1)}`,
          expr: `sum by (namespace) (${UNCOVERED.replace("{", `{layer="${layer}",`)})`,
        })),
        {
          about: "The same by namespace: an image that several namespaces run counts in each.",
          width: 10,
          order: "descending",
        },
      ),
      lines(
        "Over time",
        {
          "{{layer}}": 'max by (layer) (image_security_uncovered_images{job=~"$job"})',
          "admission is not asked": 'max(image_security_left_out_images{job=~"$job"})',
        },
        {
          about:
            "Beside the layers: images in namespaces that admission leaves out (kube-system, the operator's own and --exclude-namespaces), which no policy can refuse.",
          width: 8,
        },
      ),
    ],
    "Violations of running pods": [
      lines(
        "By policy",
        { "{{policy}}": `sum by (policy) (${COUNTED})` },
        { about: "Pods by policy and rule.", width: 12, stacked: true },
      ),
      lines(
        "By namespace",
        { "{{namespace}}": `topk(15, sum by (namespace) (${COUNTED}))` },
        { about: "The 15 with the most.", width: 12 },
      ),
      lines(
        "By rule and action",
        { "{{rule}} {{action}}": `sum by (rule, action) (${VIOLATIONS})` },
        { about: "What the policies ask for that the pods lack.", width: 8, stacked: true },
      ),
      lines(
        "Silenced by exceptions",
        { "{{policy}}": `sum by (policy) (image_security_exempted{policy=~"$policy",job=~"$job"})` },
        {
          about: "Pods that would violate a policy if exceptions did not silence every finding.",
          width: 8,
        },
      ),
      table(
        "All of them",
        { policy: "Policy", namespace: "Namespace", rule: "Rule", action: "Action" },
        [{ title: "Pods", expr: `sum by (policy, namespace, rule, action) (${VIOLATIONS})` }],
        { about: "kubectl get violations -A names the pods.", width: 8, order: "descending" },
      ),
    ],
    "What comes": [
      table(
        "Exceptions that end first",
        { exception: "Exception" },
        [{ title: "Ends in", expr: `bottomk(20, min by (exception) (${ENDS}) - time())`, unit: "s" }],
        {
          about: "Those in force. Renew them, or see to what they cover: kubectl get ise.",
          width: 8,
          order: "ascending",
        },
      ),
      table(
        "Scans that get too old",
        { policy: "Policy", namespace: "Namespace" },
        ["24h", "72h", "168h"].map((within) => ({ title: `Within ${within}`, expr: expiring(within) })),
        {
          about: "Images whose scan gets older than a policy's maxAge, if nobody scans them anew.",
          width: 8,
          order: "descending",
        },
      ),
      bars("Refused if made anew, by namespace", `topk(15, sum by (namespace) (${REFUSED_ANEW}))`, "{{namespace}}", {
        about: "Running pods that admission would refuse if they were made anew.",
        width: 8,
        colours: WARN_ABOVE_ZERO,
      }),
    ],
    Refused: [
      lines(
        "By policy",
        { "{{policy}}": `sum by (policy) (rate(${REFUSALS}[$__rate_interval])) * 60` },
        {
          about: "Findings that refused a request, a minute. Those of dry runs are left out.",
          width: 8,
          unit: "opm",
        },
      ),
      lines(
        "By namespace",
        { "{{namespace}}": `topk(15, sum by (namespace) (rate(${REFUSALS}[$__rate_interval]))) * 60` },
        {
          about: "The 15 with the most.",
          width: 8,
          unit: "opm",
        },
      ),
      lines(
        "By reason",
        { "{{reason}}": `sum by (reason) (rate(${REFUSALS}[$__rate_interval])) * 60` },
        {
          about: "docs/reasons.md says what each means.",
          width: 8,
          unit: "opm",
        },
      ),
      lines(
        "By the webhook and by the API server itself",
        {
          "{{policy}}: webhook": `sum by (policy) (rate(${REFUSALS}[$__rate_interval])) * 60`,
          "{{policy}}: API server": `${BY_API_SERVER} * 60`,
        },
        {
          about:
            "With --admission-policies=Registries the API server refuses by registries and digests itself, also when the webhook is gone. Its count is in its own metrics: no data where these are not scraped.",
          width: 12,
          unit: "opm",
        },
      ),
      lines(
        "Findings by policy and action",
        {
          "{{policy}} {{action}}": `sum by (policy, action) (rate(image_security_findings_total{policy=~"$policy",job=~"$job"}[$__rate_interval])) * 60`,
        },
        {
          about: "What admission found, also what only warned.",
          width: 12,
          unit: "opm",
        },
      ),
    ],
    Vulnerabilities: [
      lines(
        "By severity",
        { "{{severity}}": `sum by (severity) (${VULNERABILITIES})` },
        {
          about:
            "Vulnerabilities that the scans of running images name, each image once in its namespace, whatever policies allow.",
          width: 12,
          stacked: true,
        },
      ),
      lines(
        "Critical and high, by namespace",
        {
          "{{namespace}}": `topk(15, sum by (namespace) (${VULNERABILITIES.replace("{", '{severity=~"critical|high",')}))`,
        },
        {
          about: "The 15 with the most.",
          width: 12,
        },
      ),
    ],
  },
});
