import assert from "node:assert/strict";
import { explainImage, type Explained } from "../../../cli/check/explain.ts";
import { EXPIRY, SIGNING_TIME } from "../evidence/notation/support/envelopes.ts";
import { makeLeaf, makeRoot, NOW } from "../evidence/notation/support/pki.ts";
import { byNotation, notationUnderTest, SignedImage } from "../evidence/notation/support/underTest.ts";
import { compile, signedBy } from "../evidence/sigstore/underTest.ts";

const lines = ({ text, children = [] }: Explained, depth = 0): readonly string[] => [
  `${" ".repeat(depth)}${text}`,
  ...children.flatMap((child) => lines(child, depth + 1)),
];

describe("what led to a verdict", () => {
  it("names who signed by notation, and what the level only warns of", async () => {
    const root = await makeRoot();
    const leaf = await makeLeaf(root);
    const image = new SignedImage();
    image.sign(leaf, {
      headers: { [EXPIRY]: NOW - 1000, [SIGNING_TIME]: NOW - 60_000 },
    });
    const policy = compile(signedBy(byNotation([root], { level: "permissive" })));
    const context = image.context([policy]);
    const facts = {
      attestations: new Map(),
      scans: new Map(),
      signatures: new Map(),
      ...(await image.gather(notationUnderTest(), policy)),
    };
    const { subject, image: use } = context.request;
    const said = lines(explainImage(subject, use, [policy], [], facts));
    const signed = said.find((line) => line.includes("signed by")) ?? "";
    assert.match(
      signed,
      /^ {3}signed by C=US, ST=WA, O=company\.com, CN=release of C=US, O=company\.com, CN=root, certificate sha256:[0-9a-f]{64}, no proven time, warning: expired at 2026-06-15T11:59:59Z$/,
    );
    assert.ok(said.some((line) => line.includes("notary (policy test)")));
  });
});
