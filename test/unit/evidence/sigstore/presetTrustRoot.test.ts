import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Metadata, MetadataKind } from "@tufjs/models";
import type { Authority, TrustRoot } from "../../../../crds/types.ts";
import { compile, signedBy } from "./underTest.ts";

type JSONObject = Parameters<typeof Metadata.fromJSON>[1];

const PATH = new URL("../../../../policy/compile/authorities/githubTufRoot.json", import.meta.url);

const keyless = (trustRoot: TrustRoot, settings: "Required" | "Ignored"): Authority => ({
  name: "ci",
  keyless: {
    identities: [{ issuer: "https://token.actions.githubusercontent.com", subject: "https://github.com/o/r" }],
    sct: settings,
  },
  transparencyLog: settings,
  trustRoot,
});
const sourceOf = (authority: Authority): unknown => {
  const { authorities, faults } = compile(signedBy(authority));
  const [one] = authorities.values();
  return one !== undefined && "trustRoot" in one ? one.trustRoot : faults.map(({ message }) => message).join();
};

describe("trust roots by name", () => {
  it("SigstorePublicGood is what counts without any", () => {
    assert.deepEqual(sourceOf(keyless({ preset: "SigstorePublicGood" }, "Required")), { type: "publicGood" });
  });

  it("GitHub begins from the root that gh carries, and is renewed by TUF", async () => {
    const source = sourceOf(keyless({ preset: "GitHub" }, "Ignored"));
    const bytes = await readFile(PATH);
    // pkg/cmd/attestation/verification/embed/tuf-repo.github.com/root.json of github.com/cli/cli/v2@v2.83.0, whose module sum.golang.org knows.
    const hash = createHash("sha256").update(bytes).digest("hex");
    assert.equal(hash, "98cba97be9075bc98b2322de3de85fbd1b70ec7392991dfd2f53d215bede1a8d");
    assert.ok(typeof source === "object" && source !== null && "root" in source && typeof source.root === "string");
    assert.deepEqual(source, { type: "tuf", mirror: "https://tuf-repo.github.com", root: source.root });
    assert.deepEqual(JSON.parse(source.root), JSON.parse(bytes.toString("utf8")));
  });

  it("GitHub's root is signed by as many of its own keys as it demands, and not when it is altered", async () => {
    // What the test above has seen to be this very file.
    const read = async (): Promise<JSONObject & { signed: { version: number } }> =>
      JSON.parse(await readFile(PATH, "utf8")) as JSONObject & { signed: { version: number } };
    const verify = (json: JSONObject): void => {
      const root = Metadata.fromJSON(MetadataKind.Root, json);
      root.verifyDelegate("root", root);
    };
    verify(await read());
    const altered = await read();
    altered.signed.version += 1;
    assert.throws(() => verify(altered));
  });

  it("GitHub has no logs: a policy that needs them is told", () => {
    assert.match(
      String(sourceOf(keyless({ preset: "GitHub" }, "Required"))),
      /no logs; write keyless\.sct: Ignored and transparencyLog: Ignored/,
    );
  });

  it("one beside another source is refused", () => {
    const both = { preset: "GitHub", inline: "{}" } as const;
    assert.match(String(sourceOf(keyless(both, "Ignored"))), /exactly one of .*preset/);
  });
});
