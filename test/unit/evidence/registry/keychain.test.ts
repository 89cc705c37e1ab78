import assert from "node:assert/strict";
import { createCloudCredentials } from "../../../../evidence/registry/auth/cloud/cloudCredentials.ts";
import type { ClusterReads } from "../../../../evidence/registry/auth/clusterReads.ts";
import { createKeychains, type KeychainOptions } from "../../../../evidence/registry/auth/keychain.ts";
import { endpointOf } from "../../../../evidence/registry/endpoint.ts";
import { DEFAULT_REGISTRY_SETTINGS } from "../../../../evidence/registry/settings.ts";
import type { CompiledPolicy } from "../../../../policy/compiledPolicy.ts";
import type { Subject } from "../../../../policy/subject/subject.ts";
import { cluster, dockerConfig, pod, policy } from "./support/judging.ts";
import { temporaryFile } from "./support/temporaryFile.ts";

const HOST = "registry.company.com";
const secrets = {
  "team/pull": { [HOST]: ["pod", "1"] },
  "team/narrow": { [`${HOST}/team`]: ["narrow", "1"] },
  "team/account": { [HOST]: ["account", "1"] },
  "other/pull": { [HOST]: ["stranger", "1"] },
  "image-security-system/lent": { [HOST]: ["lent", "1"] },
} as const;
const accounts = { "team/default": ["account"], "team/builder": ["narrow"] };
const ownFile = temporaryFile(dockerConfig({ [HOST]: ["own", "1"] }));

const lending = policy(
  {
    digest: { verify: true },
    registryCredentials: { secretRefs: [{ namespace: "image-security-system", name: "lent" }] },
  },
  "lending",
  ({ namespace, key }) =>
    namespace === "image-security-system" && key === ".dockerconfigjson"
      ? { status: "found", text: dockerConfig(secrets["image-security-system/lent"]) }
      : { status: "notTrusted", message: "not trusted" },
);

interface Asked {
  readonly subject?: Subject;
  readonly policies?: readonly CompiledPolicy[];
  readonly named?: boolean;
  readonly name?: string;
  readonly options?: Partial<KeychainOptions>;
  readonly signal?: AbortSignal;
}

/** User names in the order that they are tried; `-` is none. */
async function users({
  subject,
  policies = [],
  named = false,
  name = "team/app",
  options,
  signal,
}: Asked): Promise<string> {
  const keychains = createKeychains({
    settings: { readPullSecrets: true },
    cluster: cluster(secrets, accounts),
    ...options,
  });
  const keychain = await keychains.open(
    { subject: subject ?? pod(`${HOST}/team/app`), policies },
    signal ?? AbortSignal.timeout(1000),
  );
  const sources = keychain.sources(endpointOf(HOST, name, DEFAULT_REGISTRY_SETTINGS), named);
  const found = sources.map(async (source) => {
    try {
      return (await source.get(AbortSignal.timeout(1000)))?.username ?? "-";
    } catch (error) {
      return error instanceof Error ? error.name : "?";
    }
  });
  return (await Promise.all(found)).join(" ");
}

const image = `${HOST}/team/app`;

describe("the keychain of a request", () => {
  it("has the ServiceAccount's pull secrets", async () => assert.equal(await users({}), "account -"));
  it("has the pod's before them", async () =>
    assert.equal(await users({ subject: pod(image, { pullSecrets: ["pull"] }) }), "pod account -"));
  it("has the longest match first, wherever it is from", async () =>
    assert.equal(
      await users({ subject: pod(image, { pullSecrets: ["pull"], serviceAccount: "builder" }) }),
      "narrow pod -",
    ));
  it("has only what matches the repository", async () =>
    assert.equal(
      await users({ subject: pod(image, { pullSecrets: ["narrow"] }), name: "elsewhere/app" }),
      "account -",
    ));
  it("has nothing of another namespace", async () => {
    assert.equal(await users({ subject: pod(image, { namespace: "other", pullSecrets: ["narrow"] }) }), "-");
    assert.equal(await users({ subject: pod(image, { namespace: "other", pullSecrets: ["pull"] }) }), "stranger -");
  });
  it("keeps ServiceAccounts and Secrets of one name in two namespaces apart", async () => {
    const same = cluster(
      {
        "red/pull": { [HOST]: ["red", "1"] },
        "blue/pull": { [HOST]: ["blue", "1"] },
        "blue/more": { [`${HOST}/team`]: ["more", "1"] },
      },
      { "red/default": ["pull"], "blue/default": ["more", "pull"] },
    );
    const keychains = createKeychains({ settings: { readPullSecrets: true }, cluster: same });
    const endpoint = endpointOf(HOST, "team/app", DEFAULT_REGISTRY_SETTINGS);
    const of = async (namespace: string): Promise<string> => {
      const request = { subject: pod(image, { namespace }), policies: [] };
      const keychain = await keychains.open(request, AbortSignal.timeout(1000));
      const found = keychain.sources(endpoint, false).map(async (source) => source.get(AbortSignal.timeout(1000)));
      return (await Promise.all(found)).map((credential) => credential?.username ?? "-").join(" ");
    };
    // Twice: the second time from memory.
    for (let round = 0; round < 2; round += 1) {
      assert.equal(await of("red"), "red -");
      assert.equal(await of("blue"), "more blue -");
      assert.equal(await of("green"), "-");
    }
  });
  it("has nothing of the cluster where pull secrets are not read", async () => {
    const reading = cluster(secrets, accounts);
    const options = { settings: { readPullSecrets: false }, cluster: reading };
    assert.equal(await users({ subject: pod(image, { pullSecrets: ["pull"] }), options }), "-");
    assert.deepEqual(reading.reads, []);
  });
  it("has what matching policies lend", async () =>
    assert.equal(
      await users({ subject: pod(image, { pullSecrets: ["pull"] }), policies: [lending] }),
      "pod account lent -",
    ));
  it("has the operator's own only where a policy names the repository", async () => {
    const options = { settings: { readPullSecrets: false, dockerConfig: ownFile } };
    assert.equal(await users({ options, named: true }), "own -");
    assert.equal(await users({ options, named: false }), "-");
  });
  it("tries the same credential once", async () => {
    const twice = cluster({ "team/a": { [HOST]: ["x", "1"] }, "team/b": { [HOST]: ["x", "1"] } });
    assert.equal(
      await users({ subject: pod(image, { pullSecrets: ["a", "b", "a"] }), options: { cluster: twice } }),
      "x -",
    );
  });
  for (const [why, place, most] of [
    ["entries", (nth: number) => `${nth}.example`, 2_000],
    ["wildcards", (nth: number) => `*x${nth}x.example`, 100],
  ] as const) {
    it(`does not search thousands of ${why}, and does not call what it left out an outage`, async () => {
      const filled = (from: number): Record<string, readonly [string, string]> =>
        Object.fromEntries(Array.from({ length: 900 }, (_, nth) => [place(from + nth), ["filler", "1"]]));
      const names = ["a", "b", "c"];
      const many = Object.fromEntries(names.map((name, at) => [`team/${name}`, filled(900 * at)]));
      const keychains = createKeychains({ settings: { readPullSecrets: true }, cluster: cluster(many) });
      const found = async (nth: number): Promise<string> => {
        const keychain = await keychains.open(
          { subject: pod(`${HOST}/team/app`, { pullSecrets: names }), policies: [] },
          AbortSignal.timeout(1000),
        );
        const endpoint = endpointOf(place(nth).replace("*", "any"), "app", DEFAULT_REGISTRY_SETTINGS);
        return keychain
          .sources(endpoint, false)
          .map(({ id }) => (id.length > 20 ? "filler" : id))
          .join(" ");
      };
      assert.equal(await found(most - 1), "filler anonymous");
      assert.equal(await found(most), "anonymous");
    });
  }
  it("does not read thousands of names", async () => {
    const reading = cluster({});
    const pullSecrets = Array.from({ length: 5_000 }, (_, nth) => `s${nth}`);
    await users({ subject: pod(image, { pullSecrets }), options: { cluster: reading } });
    assert.ok(reading.reads.length <= 40);
  });
});

describe("a cluster that does not answer", () => {
  const broken = (parts: Partial<ClusterReads>): ClusterReads => ({ ...cluster(secrets, accounts), ...parts });
  it("leaves a last source that says so", async () => {
    const options = { cluster: broken({ readSecret: async () => Promise.reject(new Error("down")) }) };
    assert.equal(await users({ options }), "- CredentialUnreadable");
    const noAccount = { cluster: broken({ readServiceAccount: async () => Promise.reject(new Error("down")) }) };
    assert.equal(
      await users({ subject: pod(image, { pullSecrets: ["pull"] }), options: noAccount }),
      "pod - CredentialUnreadable",
    );
  });
  it("or hangs, ends with the deadline", async () => {
    const options = { cluster: broken({ readSecret: async () => new Promise(() => undefined) }) };
    assert.equal(await users({ options, signal: AbortSignal.timeout(20) }), "- CredentialUnreadable");
  });
  it("an older answer stands in", async () => {
    let now = 0;
    let down = false;
    const inner = cluster(secrets, accounts);
    const reads: ClusterReads = {
      readServiceAccount: inner.readServiceAccount,
      readSecret: async (...where) => (down ? Promise.reject(new Error("down")) : inner.readSecret(...where)),
    };
    const keychains = createKeychains({ settings: { readPullSecrets: true }, cluster: reads, clock: () => now });
    const count = async (): Promise<number> => {
      const keychain = await keychains.open({ subject: pod(image), policies: [] }, AbortSignal.timeout(1000));
      return keychain.sources(endpointOf(HOST, "team/app", DEFAULT_REGISTRY_SETTINGS), false).length;
    };
    assert.equal(await count(), 2);
    down = true;
    now += 60_000;
    assert.equal(await count(), 2);
  });
});

describe("how often it is read", () => {
  it("once for many, from memory for seconds, anew after that", async () => {
    let now = 0;
    const reading = cluster(secrets, accounts);
    const keychains = createKeychains({ settings: { readPullSecrets: true }, cluster: reading, clock: () => now });
    const subject = pod(image, { pullSecrets: ["pull"] });
    const open = (): unknown => keychains.open({ subject, policies: [] }, AbortSignal.timeout(1000));
    await Promise.all(Array.from({ length: 50 }, async () => open()));
    assert.deepEqual(reading.reads.toSorted(), ["account team/default", "secret team/account", "secret team/pull"]);
    assert.ok(!(open() instanceof Promise), "no turn of the event loop");
    now += 10_001;
    await open();
    assert.equal(reading.reads.length, 6);
    now -= 3_600_000;
    await open();
    assert.equal(reading.reads.length, 9, "nor is it believed until a clock that was set back has caught up");
  });
  it("a Secret that is corrected takes effect within seconds", async () => {
    let now = 0;
    let hosts: Record<string, readonly [string, string]> = {};
    const reads: ClusterReads = {
      readServiceAccount: async () => [],
      readSecret: async () => ({ ".dockerconfigjson": Buffer.from(dockerConfig(hosts)).toString("base64") }),
    };
    const keychains = createKeychains({ settings: { readPullSecrets: true }, cluster: reads, clock: () => now });
    const count = async (): Promise<number> => {
      const keychain = await keychains.open(
        { subject: pod(image, { pullSecrets: ["pull"] }), policies: [] },
        AbortSignal.timeout(1000),
      );
      return keychain.sources(endpointOf(HOST, "team/app", DEFAULT_REGISTRY_SETTINGS), false).length;
    };
    assert.equal(await count(), 1);
    hosts = { [HOST]: ["new", "1"] };
    now += 10_001;
    assert.equal(await count(), 2);
  });
});

describe("what a policy lends", () => {
  it("resolves as keys do: a namespace that is not trusted makes the policy not Ready", () => {
    const stranger = policy(
      { digest: {}, registryCredentials: { secretRefs: [{ namespace: "kube-system", name: "cloud" }] } },
      "p",
      () => ({ status: "notTrusted", message: "kube-system is not trusted" }),
    );
    assert.deepEqual(stranger.credentials, []);
    assert.deepEqual(stranger.faults, [
      {
        reason: "NamespaceNotTrusted",
        path: "spec.registryCredentials.secretRefs[0]",
        message: "kube-system is not trusted",
      },
    ]);
  });
  it("is part of what a policy is judged by", () => {
    const of = (text: string): string =>
      policy({ digest: {}, registryCredentials: { secretRefs: [{ namespace: "n", name: "s" }] } }, "p", () => ({
        status: "found",
        text,
      })).key;
    assert.notEqual(of(dockerConfig({ a: ["u", "1"] })), of(dockerConfig({ a: ["u", "2"] })));
  });
});

describe("cloud registries", () => {
  const hosts: readonly (readonly [host: string, provider: string | undefined])[] = [
    ["123456789012.dkr.ecr.eu-west-1.amazonaws.com", "ecr"],
    ["123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "ecr"],
    ["123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "ecr"],
    ["123456789012.dkr-ecr.us-west-2.on.aws", "ecr"],
    ["12345.dkr.ecr.eu-west-1.amazonaws.com", undefined],
    ["123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.io", undefined],
    ["evil.io.dkr.ecr.eu-west-1.amazonaws.com", undefined],
    ["123456789012.dkr.ecr.eu-west-1.amazonaws.com:5000", undefined],
    ["public.ecr.aws", undefined],
    ["europe-docker.pkg.dev", "artifactRegistry"],
    ["europe-west1-docker.pkg.dev", "artifactRegistry"],
    ["gcr.io", "artifactRegistry"],
    ["eu.gcr.io", "artifactRegistry"],
    ["evil-gcr.io", undefined],
    ["gcr.io.evil.io", undefined],
    ["pkg.dev", undefined],
    ["team.azurecr.io", "acr"],
    ["team.azurecr.cn", "acr"],
    ["azurecr.io", undefined],
    ["team.azurecr.io.evil.io", undefined],
    ["a.b.azurecr.io", undefined],
    ["docker.io", undefined],
  ];
  const all = (log: string[] = []): ReturnType<typeof createCloudCredentials> => {
    const fetcher = (provider: string) => async (host: string) => {
      log.push(`${provider} ${host}`);
      return { credential: { username: provider, password: "x" }, expires: Date.now() + 3_600_000 };
    };
    return createCloudCredentials(["ecr", "artifactRegistry", "acr"], {
      ecr: fetcher("ecr"),
      artifactRegistry: fetcher("artifactRegistry"),
      acr: fetcher("acr"),
    });
  };
  for (const [host, provider] of hosts) {
    it(`${host}: ${provider ?? "none"}`, async () => {
      const source = all().source(host);
      assert.equal((await source?.get(AbortSignal.timeout(1000)))?.username, provider);
    });
  }
  it("are not asked before a registry asks, then once, and again before the end", async () => {
    const log: string[] = [];
    const source = all(log).source("team.azurecr.io");
    assert.deepEqual(log, []);
    await Promise.all([1, 2, 3].map(async () => source?.get(AbortSignal.timeout(1000))));
    await source?.get(AbortSignal.timeout(1000));
    assert.deepEqual(log, ["acr team.azurecr.io"]);
    let asked = 0;
    const short = createCloudCredentials(["acr"], {
      acr: async () => ({ credential: { username: `${++asked}`, password: "x" }, expires: Date.now() + 30_000 }),
    }).source("team.azurecr.io");
    await short?.get(AbortSignal.timeout(1000));
    assert.equal((await short?.get(AbortSignal.timeout(1000)))?.username, "2");
  });
  it("one that fails is asked again", async () => {
    let asked = 0;
    const source = createCloudCredentials(["acr"], {
      acr: async () => {
        asked += 1;
        if (asked === 1) throw new Error("no identity here");
        return { credential: { username: "late", password: "x" }, expires: Date.now() + 3_600_000 };
      },
    }).source("team.azurecr.io");
    await assert.rejects(async () => source?.get(AbortSignal.timeout(1000)), /no identity/);
    assert.equal((await source?.get(AbortSignal.timeout(1000)))?.username, "late");
  });
  it("one that hangs ends with the signal", async () => {
    const source = createCloudCredentials(["acr"], { acr: async () => new Promise(() => undefined) }).source(
      "team.azurecr.io",
    );
    await assert.rejects(async () => source?.get(AbortSignal.timeout(20)), /in time/);
  });
  it("one that hung is asked again", async () => {
    let asked = 0;
    const late = { credential: { username: "late", password: "x" }, expires: Date.now() + 3_600_000 };
    const acr = async (): Promise<typeof late> => (++asked === 1 ? new Promise(() => undefined) : late);
    const source = createCloudCredentials(["acr"], { acr }, 20).source("team.azurecr.io");
    await assert.rejects(async () => source?.get(new AbortController().signal), /in time/);
    assert.equal((await source?.get(new AbortController().signal))?.username, "late");
  });
  it("serve only what a policy names, after everything else", async () => {
    const keychains = createKeychains({ settings: { readPullSecrets: false }, cloud: all() });
    const keychain = await keychains.open({ subject: pod("x"), policies: [] }, AbortSignal.timeout(1000));
    const endpoint = endpointOf("team.azurecr.io", "app", DEFAULT_REGISTRY_SETTINGS);
    assert.equal(keychain.sources(endpoint, true).length, 2);
    assert.equal(keychain.sources(endpoint, false).length, 1);
  });
  it("a provider that is switched off is not asked", () =>
    assert.equal(createCloudCredentials(["ecr"]).source("team.azurecr.io"), undefined));
});
