import assert from "node:assert/strict";
import {
  defaultSettings,
  OPTIONS,
  readSettings,
  settingsCommand,
  type Settings,
} from "../../../operator/settings/settings.ts";

const read = (args: readonly string[], env: Record<string, string> = {}): Settings => {
  const result = readSettings(args, env);
  assert.equal(result.status, "ok", result.status === "invalid" ? result.messages.join("\n") : result.status);
  return result.settings;
};
const wrong = (args: readonly string[], env: Record<string, string> = {}): string => {
  const result = readSettings(args, env);
  assert.equal(result.status, "invalid");
  return result.messages.join("\n");
};

describe("settings", () => {
  it("have defaults that work in a cluster", () => {
    const settings = read([]);
    assert.deepEqual(settings, defaultSettings());
    assert.equal(settings.auditInterval, 900_000);
    assert.equal(settings.maxViolations, 10_000);
    assert.deepEqual(settings.trustNamespaces, []);
    assert.deepEqual(settings.excludeNamespaces, ["kube-system"]);
    assert.ok(settings.admissionDeadline < 10_000, "below what the API server waits");
    assert.ok(settings.leaseRenewDeadline < settings.leaseDuration);
    assert.equal(settings.registry.readPullSecrets, false);
  });

  it("are flags in both spellings, and environment variables; a flag wins", () => {
    assert.equal(read(["--audit-interval", "1h30m"]).auditInterval, 5_400_000);
    assert.equal(read(["--audit-interval=10s"]).auditInterval, 10_000);
    assert.equal(read([], { IMAGE_SECURITY_AUDIT_INTERVAL: "5m" }).auditInterval, 300_000);
    assert.equal(read(["--audit-interval=1m"], { IMAGE_SECURITY_AUDIT_INTERVAL: "5m" }).auditInterval, 60_000);
    assert.equal(read([], { IMAGE_SECURITY_AUDIT_INTERVAL: "" }).auditInterval, 900_000, "an empty variable is none");
  });

  it("take lists and pairs repeated or with commas", () => {
    assert.deepEqual(read(["--trust-namespaces=a,b", "--trust-namespaces", "c"]).trustNamespaces, ["a", "b", "c"]);
    assert.equal(read(["--trust-namespaces=*"]).trustNamespaces, "*");
    const { mirrors } = read([
      "--registry-mirror",
      "Registry.Company.com=http://127.0.0.1:5001",
      "--registry-mirror=docker.io=https://m.example/proxy",
    ]).registry;
    assert.deepEqual(
      [...mirrors],
      [
        ["registry.company.com", "http://127.0.0.1:5001"],
        ["docker.io", "https://m.example/proxy"],
      ],
    );
    assert.deepEqual(
      [...read([], { IMAGE_SECURITY_REGISTRY_MIRROR: "a.io=http://x,b.io=http://y" }).registry.mirrors.keys()],
      ["a.io", "b.io"],
    );
  });

  it("have switches that need no value", () => {
    assert.equal(read(["--read-pull-secrets", "--accept-any-webhook-caller"]).registry.readPullSecrets, true);
    assert.equal(read(["--manage-webhooks=false"]).manageWebhooks, false);
    assert.equal(read(["--accept-any-webhook-caller", "--log-level", "debug"]).logLevel, "debug");
  });

  it("know how the API server reaches the webhook", () => {
    assert.deepEqual(read([]).webhookAddress, { type: "url" });
    assert.deepEqual(read(["--webhook-url=https://host:1"]).webhookAddress, { type: "url", url: "https://host:1" });
    assert.deepEqual(read(["--webhook-service=webhook"]).webhookAddress, {
      type: "service",
      name: "webhook",
      port: 443,
    });
  });

  it("give a collector's token to nobody who listens on the way", () => {
    assert.equal(read(["--denial-sink=http://vector.monitoring:8080"]).denialSink, "http://vector.monitoring:8080");
    const headers = "--denial-sink-headers-file=/h";
    assert.match(wrong(["--denial-sink=http://vector.monitoring", headers]), /https:\/\//);
    for (const url of ["https://siem.company.com", "http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"])
      assert.equal(read([`--denial-sink=${url}`, headers]).denialSinkHeadersFile, "/h");
    assert.match(wrong(["--denial-sink=http://127.0.0.1.evil.com", headers]), /https:\/\//);
    assert.match(wrong([headers]), /needs --denial-sink/);
    assert.match(wrong(["--denial-sink-ca=/ca"]), /needs --denial-sink/);
    assert.match(wrong(["--denial-sink=http://a", "--denial-sink-ca=/ca"]), /https/);
    assert.match(wrong(["--denial-sink=https://u:p@a"]), /credentials/);
    assert.match(wrong(["--denial-sink=ftp://a"]), /ftp|no https/);
    assert.match(wrong(["--cluster-name=a/b"]), /no name/);
  });

  it("read pull secrets only for those of whom somebody knows who they are", () => {
    const certificates = ["--webhook-client-ca=/ca.crt", "--webhook-client-names=api"];
    const good: readonly (readonly string[])[] = [
      [...certificates, "--webhook-authentication-action=Enforce"],
      ["--webhook-callers=10.0.0.4,fd00::/64"],
      ["--accept-any-webhook-caller"],
    ];
    for (const args of good) assert.equal(read(["--read-pull-secrets", ...args]).registry.readPullSecrets, true);
    for (const args of [[], certificates, [...certificates, "--webhook-authentication-action=Report"]])
      assert.match(wrong(["--read-pull-secrets", ...args]), /^--read-pull-secrets lets whoever .*--webhook-callers/);
    const env = { IMAGE_SECURITY_READ_PULL_SECRETS: "true", IMAGE_SECURITY_WEBHOOK_CALLERS: "" };
    assert.match(wrong([], env), /^--read-pull-secrets lets/);
  });

  it("take proxies from the usual variables", () => {
    const env = { HTTPS_PROXY: "http://proxy:3128", no_proxy: "localhost, 10.0.0.0/8" };
    assert.deepEqual(read([], env).registry.proxy, { https: "http://proxy:3128", none: ["localhost", "10.0.0.0/8"] });
    assert.deepEqual(read(["--no-proxy=*"], env).registry.proxy.none, ["*"]);
  });

  const mistakes: readonly [string, readonly string[], RegExp][] = [
    ["no duration", ["--audit-interval=15"], /^--audit-interval: "15" is no duration; write one such as/],
    ["a duration in Go's spelling", ["--audit-interval=1.5h"], /is no duration/],
    ["a duration out of bounds", ["--audit-interval=0s"], /^--audit-interval: "0s" is out of bounds; write 1s to 7d/],
    ["no number", ["--max-violations=many"], /^--max-violations: "many" is no whole number from 0 to/],
    ["a negative number", ["--max-violations=-1"], /is no whole number/],
    ["a port out of range", ["--webhook-port=70000"], /is no whole number from 0 to 65535/],
    ["a flag that there is not", ["--audit-intervall=1m"], /there is no such flag; did you mean --audit-interval\?/],
    ["a word that is no flag", ["audit"], /^audit: there is no such flag/],
    [
      "a flag without its value",
      ["--audit-interval"],
      /^--audit-interval: has no value; write --audit-interval DURATION/,
    ],
    ["a flag whose value is the next flag", ["--namespace", "--log-level=debug"], /^--namespace: has no value/],
    ["a flag that is given twice", ["--namespace=a", "--namespace=b"], /^--namespace: is given twice/],
    ["a flag that is given twice, once without its value", ["--namespace", "--namespace=b"], /: has no value; write/],
    ["a flag at the end without its value", ["--log-level=debug", "--lease-name"], /^--lease-name: has no value/],
    ["an empty value", ["--namespace="], /^--namespace: is empty/],
    ["a namespace that can be none", ["--trust-namespaces=My_Namespace"], /is no DNS label/],
    [
      "a word for an image that is one",
      ["--template-placeholders=auto,docker.io/auto"],
      /"docker\.io\/auto" is no single word/,
    ],
    [
      "a word for an image with a tag",
      ["--template-placeholders=auto:v1"],
      /is no single word; write one such as auto/,
    ],
    ["an unknown choice", ["--log-level=verbose"], /"verbose" is unknown; write one of error, warn, info, debug/],
    ["a switch that is neither", ["--read-pull-secrets=yes"], /neither true nor false/],
    [
      "a mirror without a URL",
      ["--registry-mirror=registry.company.com"],
      /is no pair; write registry\.company\.com=http/,
    ],
    ["a mirror that is no URL", ["--registry-mirror=a.io=127.0.0.1:5001"], /is no http:\/\/ or https:\/\/ URL/],
    ["a mirror with credentials", ["--registry-mirror=a.io=https://u:p@b.io"], /holds credentials/],
    [
      "a mirror that is given twice",
      ["--registry-mirror=a.io=http://x", "--registry-mirror=A.io=http://y"],
      /"a\.io" is given twice/,
    ],
    ["an address that is none", ["--allow-address=127.0.0.1/33"], /neither an address nor a CIDR range/],
    ["a size that is none", ["--cache-size=lots"], /is no size; write one such as 128Mi/],
    ["a webhook URL without TLS", ["--webhook-url=http://host"], /is no https:\/\/ URL/],
    ["two ways to the webhook", ["--webhook-url=https://host", "--webhook-service=s"], /exclude each other/],
    [
      "a lease that cannot be renewed in time",
      ["--lease-duration=5s"],
      /--lease-renew-deadline must be shorter than --lease-duration/,
    ],
    ["a retry that is longer than the deadline", ["--lease-retry=10s"], /--lease-retry must be shorter/],
  ];
  for (const [what, args, message] of mistakes) {
    it(`refuse ${what}`, () => assert.match(wrong(args), message));
  }

  it("name the variable where the mistake is in the environment", () => {
    assert.match(
      wrong([], { IMAGE_SECURITY_AUDIT_INTERVAL: "x" }),
      /^IMAGE_SECURITY_AUDIT_INTERVAL: "x" is no duration/,
    );
    assert.match(
      wrong([], { IMAGE_SECURITY_AUDIT_INTERVALL: "1m" }),
      /^IMAGE_SECURITY_AUDIT_INTERVALL: there is no such setting; did you mean IMAGE_SECURITY_AUDIT_INTERVAL\?/,
    );
  });

  it("are not disturbed by what Kubernetes says of Services that are called image-security-...", () => {
    const link = (service: string): Record<string, string> => ({
      [`IMAGE_SECURITY_${service}_SERVICE_HOST`]: "10.0.0.1",
      [`IMAGE_SECURITY_${service}_SERVICE_PORT`]: "443",
      [`IMAGE_SECURITY_${service}_SERVICE_PORT_HTTPS`]: "443",
      [`IMAGE_SECURITY_${service}_PORT`]: "tcp://10.0.0.1:443",
      [`IMAGE_SECURITY_${service}_PORT_443_TCP`]: "tcp://10.0.0.1:443",
      [`IMAGE_SECURITY_${service}_PORT_443_TCP_PROTO`]: "tcp",
      [`IMAGE_SECURITY_${service}_PORT_443_TCP_PORT`]: "443",
      [`IMAGE_SECURITY_${service}_PORT_443_TCP_ADDR`]: "10.0.0.1",
    });
    assert.deepEqual(read([], { ...link("WEBHOOK"), ...link("METRICS"), ...link("OTHER") }), defaultSettings());
  });

  it("say which of them are not the default, without credentials", () => {
    const result = readSettings(["--audit-interval=15m", "--log-level", "debug"], {
      IMAGE_SECURITY_HTTPS_PROXY: "http://user:secret@proxy:3128",
      IMAGE_SECURITY_TRUST_NAMESPACES: "a,b",
      OTHER: "x",
    });
    assert.deepEqual(result.status === "ok" && result.given, {
      "trust-namespaces": "a,b",
      "log-level": "debug",
      "https-proxy": "http://***@proxy:3128",
    });
  });

  it("tell all mistakes at once", () => {
    assert.equal(wrong(["--audit-interval=x", "--max-violations=y", "--nope"]).split("\n").length, 3);
  });

  it("are described by --help, each with its variable and default", () => {
    const text = settingsCommand("operator").helpInformation();
    for (const { flags, variable, shown, description } of Object.values(OPTIONS)) {
      const fallback = shown === "" ? "" : `default: ${shown}, `;
      assert.ok(text.includes(`\n  ${flags}\n      ${description} (${fallback}env: ${variable})\n`), flags);
      assert.ok(description.endsWith(".") || description.includes("; "), `${flags}: a sentence`);
    }
    assert.match(text, /\(default: 15m, env: IMAGE_SECURITY_AUDIT_INTERVAL\)/);
  });

  it("change a setting by every flag: none is forgotten on the way", () => {
    const samples: Partial<Record<keyof typeof OPTIONS, string>> = {
      metricsNamespaces: "false",
      kubeconfig: "x",
      namespace: "x",
      trustNamespaces: "x",
      excludeNamespaces: "x",
      templatePlaceholders: "auto",
      webhookHost: "::1",
      webhookPort: "1",
      webhookUrl: "https://x",
      webhookService: "x",
      webhookServicePort: "1",
      webhookClientCa: "/ca.crt",
      webhookClientNames: "x",
      webhookCallers: "10.0.0.0/28",
      webhookAuthenticationAction: "Enforce",
      acceptAnyWebhookCaller: "true",
      certificateSecret: "x",
      certificateFiles: "/certificates",
      admissionDeadline: "2s",
      manageWebhooks: "false",
      metricsHost: "::1",
      metricsPort: "off",
      auditInterval: "1m",
      maxViolations: "1",
      maxExceptionDuration: "1d",
      auditConcurrency: "1",
      warmUp: "0s",
      shutdownDelay: "5s",
      leaseName: "x",
      leaseDuration: "20s",
      leaseRenewDeadline: "12s",
      leaseRetry: "1s",
      logLevel: "warn",
      logFormat: "text",
      admissionPolicies: "Registries",
      registryMirror: "a.io=http://x",
      registryPlainHttp: "a.io",
      registryCa: "x",
      allowAddress: "::1",
      serviceRange: "10.0.0.0/8",
      tokenRealm: "a.io=b.io/token",
      readPullSecrets: "true",
      dockerConfig: "x",
      cloudCredentials: "ecr",
      httpProxy: "http://x",
      httpsProxy: "http://x",
      noProxy: "x",
      registryConcurrency: "1",
      cacheSize: "1Mi",
      proofWorkers: "0",
      trustRootCache: "/x",
      publicGoodUpdates: "false",
      kmsPlainHttp: "kms:1",
      vaultAddress: "https://vault",
      vaultTransit: "x",
      vaultNamespace: "x",
      vaultTokenFile: "/x",
      vaultRole: "x",
      clusterName: "x",
      denialSink: "https://x",
      denialSinkHeadersFile: "/x",
      denialSinkCa: "/x",
      openReports: "true",
      tracing: "true",
    };
    // Some say nothing by themselves.
    const besides: Partial<Record<keyof typeof OPTIONS, readonly string[]>> = {
      webhookServicePort: ["--webhook-service=s"],
      webhookClientCa: ["--webhook-client-names=x"],
      webhookClientNames: ["--webhook-client-ca=/ca.crt"],
      webhookAuthenticationAction: ["--webhook-client-ca=/ca.crt", "--webhook-client-names=x"],
      readPullSecrets: ["--webhook-callers=10.0.0.1"],
      vaultAddress: ["--vault-role=r"],
      vaultTransit: ["--vault-address=https://v", "--vault-role=r"],
      vaultNamespace: ["--vault-address=https://v", "--vault-role=r"],
      vaultTokenFile: ["--vault-address=https://v"],
      vaultRole: ["--vault-address=https://v"],
      denialSinkHeadersFile: ["--denial-sink=https://x"],
      denialSinkCa: ["--denial-sink=https://x"],
    };
    // And some are refused where they stand alone.
    const together: Partial<Record<keyof typeof OPTIONS, readonly string[]>> = {
      webhookClientCa: [],
      webhookClientNames: [],
    };
    for (const [key, option] of Object.entries(OPTIONS)) {
      const flag = option.name();
      assert.equal(option.attributeName(), key, "code calls it as its flag is called");
      // The table's keys are its type's.
      const name = key as keyof typeof OPTIONS;
      const sample = samples[name];
      assert.ok(sample !== undefined, `no sample for --${flag}`);
      const others = besides[name] ?? [];
      const alone = together[name] ?? others;
      assert.notDeepEqual(read([...others, `--${flag}=${sample}`]), read(alone), `--${flag} changes nothing`);
    }
    assert.deepEqual(read(["--webhook-service=s", "--webhook-service-port=1"]).webhookAddress, {
      type: "service",
      name: "s",
      port: 1,
    });
  });
});
