import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { V1Deployment, V1PodDisruptionBudget, V1Role } from "@kubernetes/client-node";
import { parse, parseAllDocuments } from "yaml";
import { CHART } from "../../../charts/chartFiles.ts";
import { DECIDED } from "../../../charts/settingsSchema.ts";
import { OPTIONS, readSettings } from "../../../operator/settings/settings.ts";
import { clusterTimeout, startCluster, type Cluster } from "../harness/cluster.ts";
import { Helm, HELMS, IMAGE, KUBERNETES } from "./helm.ts";
import { configFolder, Overlay, type Manifest } from "./kustomize.ts";

interface Case {
  /** Of the chart. */
  readonly values: object;
  /** Of an overlay over config/default, beside `components/existing-namespace`: no chart makes its own namespace. */
  readonly components?: readonly string[];
  readonly patches?: (namespace: string) => readonly object[];
}

/** Values that switch a setting and its rights on. */
const PARTS = ["pullSecrets", "admissionPolicies", "openReports"] as const;

const API_SERVER = "192.0.2.10/32";
const patch = (kind: string, name: string, path: string, value: unknown): object => ({
  target: { kind, name },
  patch: JSON.stringify([{ op: "replace", path, value }]),
});

/** The same installation, by values and by components. */
const CASES: Readonly<Record<string, Case>> = {
  "existing-namespace": { values: {} },
  "pull-secrets": { values: { pullSecrets: { enabled: true } } },
  "network-policy": {
    values: { networkPolicy: { enabled: true, apiServers: [API_SERVER] } },
    patches: () => [
      patch("NetworkPolicy", "image-security", "/spec/ingress/0/from", [{ ipBlock: { cidr: API_SERVER } }]),
    ],
  },
  "service-monitor": { values: { serviceMonitor: { enabled: true } } },
  "pod-monitor": { values: { podMonitor: { enabled: true } } },
  "admission-policies": { values: { admissionPolicies: { enabled: true } } },
  "open-reports": { values: { openReports: { enabled: true } } },
  alerts: { values: { alerts: { enabled: true } } },
  "client-certificates": { values: { clientCertificates: { enabled: true } } },
  "cert-manager": {
    values: { certManager: { enabled: true } },
    patches: (namespace) => [
      patch("Certificate", "image-security-webhook", "/spec/dnsNames/0", `image-security-webhook.${namespace}.svc`),
    ],
  },
};

/** Labels that the chart adds, and those that config/default gives to its own resources only. */
const CHART_LABELS = /^(?:helm\.sh\/chart|app\.kubernetes\.io\/(?:managed-by|version|name))$/;

/** Objects by kind, namespace and name, with what differs for a reason put aside. */
const comparable = (yaml: string): ReadonlyMap<string, object> =>
  new Map(
    parseAllDocuments(yaml)
      .map((document) => document.toJS() as Manifest | null)
      .filter((object) => object !== null)
      .map((object): [string, object] => {
        const { kind, metadata } = object;
        const labels = Object.entries(metadata.labels ?? {}).filter(([name]) => !CHART_LABELS.test(name));
        const annotations = Object.entries(metadata.annotations ?? {}).filter(
          ([name]) => name !== "helm.sh/resource-policy",
        );
        const rest = {
          ...object,
          metadata: { ...metadata, labels: Object.fromEntries(labels), annotations: Object.fromEntries(annotations) },
        };
        const whole = kind === "Deployment" ? withSettings(rest) : rest;
        return [`${kind} ${metadata.namespace ?? ""}/${metadata.name}`, whole];
      }),
  );

/** A Deployment as YAML has it. */
interface DeploymentLike {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly volumes?: readonly { readonly name: string }[];
        readonly containers: readonly {
          readonly image: string;
          readonly imagePullPolicy?: string;
          readonly args?: string[];
          readonly env?: { readonly name: string; readonly value?: string }[];
          readonly volumeMounts?: readonly { readonly name: string }[];
        }[];
      };
    };
  };
}

/** A Deployment with what its operator is told instead of the flags and variables that tell it. */
const withSettings = (object: object): object => {
  const { spec, ...rest } = object as DeploymentLike;
  const { volumes, containers, ...pod } = spec.template.spec;
  const [container, ...others] = containers;
  assert.ok(container !== undefined && others.length === 0);
  const { image: _, imagePullPolicy: __, args, env, volumeMounts, ...same } = container;
  return {
    ...rest,
    spec: {
      ...spec,
      template: {
        ...spec.template,
        spec: {
          ...pod,
          volumes: byName(volumes),
          containers: [{ ...same, volumeMounts: byName(volumeMounts), told: toldTo(args ?? [], env ?? []) }],
        },
      },
    },
  };
};

const byName = <T extends { readonly name: string }>(items: readonly T[] = []): readonly T[] =>
  items.toSorted((one, other) => (one.name < other.name ? -1 : 1));

const toldTo = (
  args: readonly string[],
  env: readonly { readonly name: string; readonly value?: string }[],
): unknown => {
  const [command, ...flags] = args;
  const variables = Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
  const references = env.filter(({ value }) => value === undefined);
  // A contradiction, such as pull secrets without callers, is the same in both.
  return { command, references, settings: readSettings(flags, variables) };
};

describe("charts/image-security", function () {
  this.timeout(120_000);
  let cluster: Cluster;

  before(async function () {
    this.timeout(clusterTimeout);
    cluster = await startCluster();
  });

  const built = new Map<string, Promise<ReadonlyMap<string, object>>>();
  /** What an overlay makes, built once. */
  const kustomized = (namespace: string, cases: readonly Case[]): Promise<ReadonlyMap<string, object>> => {
    const key = JSON.stringify([namespace, cases]);
    const made = built.get(key) ?? build(namespace, cases);
    built.set(key, made);
    return made;
  };
  const build = async (namespace: string, cases: readonly Case[]): Promise<ReadonlyMap<string, object>> => {
    await using overlay = await Overlay.over(["default"], {
      namespace,
      components: [
        ...new Set(["components/existing-namespace", ...cases.flatMap(({ components = [] }) => components)]),
      ],
      patches: cases.flatMap(({ patches }) => patches?.(namespace) ?? []),
    });
    const { code, stdout, stderr } = await cluster.kubectl("kustomize", overlay.folder);
    assert.equal(code, 0, stderr);
    return comparable(stdout);
  };
  const cases = Object.entries(CASES).map(([component, one]): [string, Case] => [
    component,
    { components: [`components/${component}`], ...one },
  ]);

  // One of two: both count everything twice.
  const together = cases.filter(([component]) => component !== "pod-monitor");

  it("knows every component of config/", async () => {
    assert.deepEqual(
      (await readdir(configFolder("components"))).toSorted(),
      Object.keys(CASES).toSorted(),
      "a new component has its value in the chart, and a line in CASES",
    );
  });

  for (const name of HELMS)
    describe(`by ${name}`, () => {
      let helm: Helm;

      before(async function () {
        const found = await Helm.find(name);
        if (found === undefined) this.skip();
        helm = found;
      });
      after(() => helm?.[Symbol.asyncDispose]());

      it("is clean to helm lint", async () => {
        for (const values of [{}, Object.assign({}, ...together.map(([, one]) => one.values)) as object]) {
          const { code, stdout, stderr } = await helm.withChart(["lint", "--strict", ...KUBERNETES], {
            image: IMAGE,
            ...values,
          });
          assert.equal(code, 0, stdout + stderr);
          assert.doesNotMatch(stdout, /\[(?:WARNING|ERROR)\]/);
        }
      });

      for (const [component, one] of cases)
        it(`installs what config/ does with ${component}`, async () => {
          const rendered = await helm.template("image-security-system", one.values);
          assert.deepEqual(comparable(rendered), await kustomized("image-security-system", [one]));
        });

      it("installs what config/ does with all of them, but for the second monitor, in another namespace", async () => {
        const all = together.map(([, one]) => one);
        const rendered = await helm.template(
          "elsewhere",
          Object.assign({}, ...all.map(({ values }) => values)) as object,
        );
        assert.deepEqual(comparable(rendered), await kustomized("elsewhere", all));
      });

      it("passes through kustomize with its hooks, by which Flux and post-renderers change what Helm makes", async () => {
        const args = ["template", "image-security", "--namespace", "image-security-system", ...KUBERNETES];
        const { code, stdout, stderr } = await helm.withChart(args, { image: IMAGE });
        assert.equal(code, 0, stderr);
        await using overlay = await Overlay.ofText(stdout);
        const passed = await cluster.kubectl("kustomize", overlay.folder);
        assert.equal(passed.code, 0, passed.stderr);
        assert.equal(passed.stdout.match(/helm\.sh\/hook: (?:pre|post)-delete/g)?.length, 2);
      });

      it("makes the Role of config/trusted in the namespaces that it is told", async () => {
        const rendered = comparable(await helm.template("elsewhere", { rbac: { trustedNamespaces: ["opa-system"] } }));
        const without = comparable(await helm.template("elsewhere", {}));
        const subject = [{ op: "replace", path: "/subjects/0/namespace", value: "elsewhere" }];
        await using overlay = await Overlay.over(["trusted"], {
          patches: [{ target: { kind: "RoleBinding" }, patch: JSON.stringify(subject) }],
        });
        const { stdout } = await cluster.kubectl("kustomize", overlay.folder);
        assert.deepEqual(rendered, new Map([...without, ...comparable(stdout)]));
      });

      it("trusts, beside the settings, the namespaces in which it makes that Role", async () => {
        const flags = flagsOf(await helm.template("x", { rbac: { trustedNamespaces: ["keys", "opa-system"] } }));
        assert.ok(flags.includes("--trust-namespaces=opa-system,keys"), flags.join(" "));
      });

      it("takes every setting of the operator that it does not decide itself", async () => {
        const samples = Object.entries(OPTIONS)
          .filter(([setting]) => !Object.hasOwn(DECIDED, setting))
          .map(([setting, { flags, repeatable, fallback }], index) => {
            const [, placeholder] = /<(.*)>/.exec(flags) ?? [];
            if (placeholder === undefined) return [setting, fallback !== true] as const;
            if (repeatable) return [setting, ["a", "b"]] as const;
            if (setting === "admissionPolicies") return [setting, "Registries"] as const;
            if (placeholder === "PORT") return [setting, 10_000 + index] as const;
            if (placeholder === "DURATION") return [setting, "1h30m"] as const;
            // A number that YAML's readers write as 1e+06.
            return [setting, placeholder.includes("|") ? placeholder.split("|")[0] : 1_000_000] as const;
          });
        const rights = Object.fromEntries(PARTS.map((part) => [part, { enabled: true }]));
        const flags = flagsOf(await helm.template("x", { ...rights, settings: Object.fromEntries(samples) }));
        const wanted = samples.map(([setting, value]) => `--${nameOf(setting)}=${String(value)}`);
        assert.deepEqual(flags.toSorted(), [...wanted, "--webhook-service=image-security-webhook"].toSorted());
      });

      const refused: readonly (readonly [what: string, values: object, message: RegExp])[] = [
        ["an image without a digest", { image: { repository: "r.io/a" } }, /image\.digest: give the image's digest/],
        ["an image without a repository", { image: { digest: IMAGE.digest } }, /image\.repository: name the registry/],
        ["a digest that is none", { image: { ...IMAGE, digest: "sha256:abc" } }, /digest/],
        ["a setting that there is not", { settings: { auditIntervall: "1m" } }, /auditIntervall/],
        ["a duration that is none", { settings: { auditInterval: "often" } }, /auditInterval/],
        ["a number that is no duration", { settings: { warmUp: 30 } }, /warmUp/],
        ["a size that is none", { settings: { cacheSize: "1GB" } }, /cacheSize/],
        ["a number that is none", { settings: { maxViolations: "many" } }, /maxViolations/],
        ["a value that there is not", { imagePullSecrets: [] }, /imagePullSecrets/],
        ["a switch that is none", { settings: { readPullSecrets: "yes" } }, /readPullSecrets/],
        [
          "a network policy for nobody",
          { networkPolicy: { enabled: true } },
          /networkPolicy\.apiServers: name the CIDR/,
        ],
        [
          "an image with its tag in the repository",
          { image: { ...IMAGE, repository: "r.io/a:v1" } },
          /image\.repository: "r\.io\/a:v1".* without a tag/,
        ],
        ["an image by its URL", { image: { ...IMAGE, repository: "https://r.io/a" } }, /without https:/],
        ["a port that is none", { settings: { webhookPort: "https" } }, /settings\.webhookPort: "https" is no port/],
        ["a port that nobody can know", { settings: { metricsPort: 0 } }, /settings\.metricsPort: "0" is no port/],
        [
          "a port above the highest",
          { settings: { webhookPort: 70_000 } },
          /settings\.webhookPort: "70000" is no port/,
        ],
        // helm upgrade makes one of the two go, and an upgrade with other ports does not bring it back.
        ["one port for both", { settings: { webhookPort: 8080 } }, /webhookPort and settings\.metricsPort: .*"8080"/],
        ["a volume of our own's name", { volumes: [{ name: "tmp" }] }, /volumes: the name "tmp"/],
        ["a mount where ours is", { volumeMounts: [{ name: "a", mountPath: "/tmp/" }] }, /volumeMounts: .*"\/tmp"/],
        [
          "the operator's own variable",
          { env: [{ name: "IMAGE_SECURITY_NAMESPACE", value: "other" }] },
          /env: the name "IMAGE_SECURITY_NAMESPACE"/,
        ],
        [
          "a label of nodes that is no text",
          { pod: { nodeSelector: { guards: true } } },
          /\/pod\/nodeSelector\/guards/,
        ],
        ["a pull secret by its name alone", { pod: { imagePullSecrets: ["regcred"] } }, /\/pod\/imagePullSecrets\/0/],
        ["a variable that is a number", { env: [{ name: "A", value: 1 }] }, /\/env\/0\/value/],
        [
          "an issuer without a name",
          { certManager: { enabled: true, issuerRef: { kind: "ClusterIssuer" } } },
          /certManager\.issuerRef\.name: name the issuer/,
        ],
        [
          "two monitors, which count everything twice",
          { serviceMonitor: { enabled: true }, podMonitor: { enabled: true } },
          /switch on one of the two/,
        ],
        [
          "alerts about metrics that are off",
          { alerts: { enabled: true }, settings: { metricsPort: "off" } },
          /settings\.metricsPort: off leaves/,
        ],
        ...[{ readPullSecrets: true }, { openReports: true }, { admissionPolicies: "Registries" }].map(
          (settings): (typeof refused)[number] => [
            `${Object.keys(settings).join("")} without its rights`,
            { settings },
            /settings\.\w+: set \w+\.enabled instead, which brings the rights/,
          ],
        ),
        ["an interval without a unit", { podMonitor: { enabled: true, interval: "30" } }, /\/podMonitor\/interval/],
      ];
      for (const [what, values, message] of refused)
        it(`refuses ${what}`, async () => {
          await assert.rejects(helm.template("x", values), message);
        });

      it("lets the operator have the Lease and the Secret that it is told to use", async () => {
        const settings = { leaseName: "another-lease", certificateSecret: "another-secret" };
        const rules = parseAllDocuments(await helm.template("x", { settings }))
          .map((document) => document.toJS() as Manifest & Pick<V1Role, "rules">)
          .flatMap(({ kind, rules: own = [] }) => (kind === "Role" ? own : []))
          .map(({ resources, resourceNames }) => [resources?.join(), resourceNames?.join()]);
        assert.deepEqual(
          rules.filter(([resource, name]) => name !== undefined && resource !== "configmaps"),
          [
            ["leases", "another-lease"],
            ["secrets", "another-secret"],
          ],
        );
        assert.ok(rules.some(([, name]) => name === "image-security-removal"));
      });

      it("takes null, as a heading without entries gives, for the default", async () => {
        const wanted = comparable(await helm.template("x", {}));
        const values = parse(await readFile(join(CHART, "values.yaml"), "utf8")) as Readonly<Record<string, unknown>>;
        const { image: _, ...rest } = values;
        const nulls = Object.fromEntries(Object.keys(rest).map((value) => [value, null]));
        assert.deepEqual(comparable(await helm.template("x", nulls)), wanted);
        const inner = Object.entries(rest)
          .filter(([, value]) => typeof value === "object" && !Array.isArray(value))
          .map(([value, keys]) => [value, Object.fromEntries(Object.keys(keys as object).map((key) => [key, null]))]);
        assert.deepEqual(comparable(await helm.template("x", Object.fromEntries(inner) as object)), wanted);
      });

      it("lets a drained node have its replica, also where there is one only or none works", async () => {
        const rendered = parseAllDocuments(await helm.template("x", { replicas: 1 }));
        const budget = rendered
          .map((document) => document.toJS() as Manifest & Pick<V1PodDisruptionBudget, "spec">)
          .find(({ kind }) => kind === "PodDisruptionBudget");
        const { selector: _, ...spec } = budget?.spec ?? assert.fail();
        assert.deepEqual(spec, { maxUnavailable: 1, unhealthyPodEvictionPolicy: "AlwaysAllow" });
      });

      it("takes ports as text, and off without quotation marks", async () => {
        const rendered = await helm.template("x", {
          settings: { webhookPort: "10250", metricsPort: false, admissionPolicies: false },
        });
        const objects = parseAllDocuments(rendered).map((document) => document.toJS() as Manifest);
        const deployment = objects.find(({ kind }) => kind === "Deployment") as unknown as V1Deployment;
        assert.deepEqual(deployment.spec?.template.spec?.containers[0]?.ports, [
          { name: "webhook", containerPort: 10_250 },
        ]);
        const flags = flagsOf(rendered);
        for (const flag of ["--webhook-port=10250", "--metrics-port=off", "--admission-policies=Off"])
          assert.ok(flags.includes(flag), flags.join(" "));
      });

      it("changes the Pod as the values say", async () => {
        const rendered = await helm.template("x", {
          replicas: 3,
          pod: { nodeSelector: { a: "b" }, hostNetwork: true, priorityClassName: "other" },
          podAnnotations: { note: "mine" },
          podLabels: { team: "security", "app.kubernetes.io/name": "not-this" },
          resources: { limits: { memory: "2Gi" } },
          env: [{ name: "HTTPS_PROXY", value: "http://proxy:3128" }],
          volumes: [{ name: "ca", configMap: { name: "ca" } }],
          volumeMounts: [{ name: "ca", mountPath: "/ca" }],
          serviceAccountAnnotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/a" },
          settings: { webhookPort: 10250, metricsPort: "off" },
          crds: { enabled: false },
        });
        const objects = parseAllDocuments(rendered).map((document) => document.toJS() as Manifest);
        const deployment = objects.find(({ kind }) => kind === "Deployment") as unknown as V1Deployment;
        const { template, replicas } = deployment.spec!;
        const [container] = template.spec!.containers;
        assert.equal(replicas, 3);
        assert.equal(container?.image, `${IMAGE.repository}@${IMAGE.digest}`);
        assert.deepEqual(container?.ports, [{ name: "webhook", containerPort: 10250 }]);
        assert.deepEqual(container?.resources, {
          requests: { cpu: "100m", memory: "192Mi" },
          limits: { memory: "2Gi" },
        });
        assert.deepEqual([template.spec!.hostNetwork, template.spec!.priorityClassName], [true, "other"]);
        assert.deepEqual(template.spec!.nodeSelector, { a: "b" });
        assert.equal(template.metadata?.labels?.["team"], "security");
        assert.equal(
          template.metadata?.labels?.["app.kubernetes.io/name"],
          "image-security",
          "what selects them stays",
        );
        assert.equal(template.metadata?.annotations?.["note"], "mine");
        assert.ok(container?.env?.some(({ name: variable }) => variable === "HTTPS_PROXY"));
        assert.ok(container?.env?.some(({ name: variable }) => variable === "IMAGE_SECURITY_NAMESPACE"));
        assert.deepEqual(
          template.spec!.volumes?.map((volume) => volume.name),
          ["tmp", "ca"],
        );
        const account = objects.find(({ kind }) => kind === "ServiceAccount");
        assert.equal(account?.metadata.annotations?.["eks.amazonaws.com/role-arn"], "arn:aws:iam::1:role/a");
        assert.ok(!objects.some(({ kind }) => kind === "CustomResourceDefinition"));
        assert.ok(!objects.some(({ metadata }) => metadata.name === "image-security-metrics"));
      });
    });
});

const nameOf = (setting: string): string => OPTIONS[setting as keyof typeof OPTIONS].name();

const flagsOf = (yaml: string): readonly string[] => {
  const objects = parseAllDocuments(yaml).map((document) => document.toJS() as Manifest);
  const deployment = objects.find(({ kind }) => kind === "Deployment") as unknown as V1Deployment;
  const [command, ...flags] = deployment.spec?.template.spec?.containers[0]?.args ?? [];
  assert.equal(command, "operator");
  return flags;
};
