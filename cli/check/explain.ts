import type { ImageSecurityPolicy } from "../../crds/types.ts";
import { attestationKey } from "../../policy/facts/attestationKey.ts";
import type { ImageFacts, ScanCoverage } from "../../policy/facts/facts.ts";
import { SEVERITIES } from "../../policy/facts/scanReport.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";
import { policiesFor } from "../../policy/judge.ts";
import type { ImageUse, Subject } from "../../policy/subject/subject.ts";

/** A branch of what led to a verdict, for people and for programs alike. */
export interface Explained {
  readonly text: string;
  readonly children?: readonly Explained[];
}

/** What is known of one image of an object: why which policies are about it, and every fact that they asked for. */
export const explainImage = (
  subject: Subject,
  image: ImageUse,
  policies: readonly CompiledPolicy[],
  objects: readonly ImageSecurityPolicy[],
  facts: ImageFacts | undefined,
): Explained => {
  const matching = new Set(
    policiesFor(
      policies.filter((one) => one.matchesSubject(subject)),
      image,
    ),
  );
  const about = policies.map((policy, index) => policyBranch(policy, objects[index], subject, matching.has(policy)));
  const known = facts === undefined ? [leaf("nobody was asked about its content")] : factsOf(facts, [...matching]);
  return branch(`${image.field} "${image.container}": ${image.image}`, [branch("policies", about), ...known]);
};

/** A text that is no image yet where it stands. */
export const explainPlaceholder = ({ field, container, image }: ImageUse): Explained =>
  leaf(`${field} "${container}": ${image}: passed over, for an injector replaces it in Pods (--template-placeholders)`);

const leaf = (text: string): Explained => ({ text });
const branch = (text: string, children: readonly Explained[]): Explained => ({
  text,
  children,
});

const policyBranch = (
  { name, actionIn, rules }: CompiledPolicy,
  object: ImageSecurityPolicy | undefined,
  { namespace, namespaceLabels }: Subject,
  matches: boolean,
): Explained => {
  const scope = Object.entries(object?.spec.match ?? {}).map(([part, value]) => `${part}: ${JSON.stringify(value)}`);
  const why = scope.length === 0 ? "everything" : scope.join(", ");
  return matches
    ? leaf(
        `${name}: applies (${why}), action ${actionIn(namespace, namespaceLabels)}, rules ${rules.map((rule) => rule.name).join(", ") || "none"}`,
      )
    : leaf(`${name}: does not apply (${why})`);
};

const factsOf = (facts: ImageFacts, policies: readonly CompiledPolicy[]): readonly Explained[] => [
  ...(facts.digest === undefined ? [] : [leaf(`digest: ${said(facts.digest, (digest) => digest)}`)]),
  ...(facts.tag === undefined ? [] : [leaf(`tag names: ${said(facts.tag, (digest) => digest)}`)]),
  ...(facts.manifest === undefined
    ? []
    : [
        leaf(
          `manifest: ${said(facts.manifest, ({ mediaType, size, platforms }) =>
            [
              `${mediaType}, ${size} bytes`,
              ...(platforms.length > 0 ? [platforms.map(({ platform }) => platform).join(", ")] : []),
            ].join("; "),
          )}`,
        ),
      ]),
  ...signaturesOf(facts, policies),
  ...attestationsOf(facts, policies),
  ...platformsOf(facts, policies),
  ...scansOf(facts),
  ...(facts.bases === undefined
    ? []
    : [
        leaf(
          `base image: ${said(facts.bases, (claims) =>
            claims
              .map(({ name = "not told", digest, platform }) =>
                [platform, name, digest].filter((part) => part !== undefined).join(" "),
              )
              .join("; "),
          )}`,
        ),
      ]),
  ...(facts.runsAlready === undefined
    ? []
    : [leaf(`runs in this namespace already: ${facts.runsAlready ? "yes" : "no"}`)]),
];

const signaturesOf = ({ signatures }: ImageFacts, policies: readonly CompiledPolicy[]): readonly Explained[] => {
  const branches = authoritiesOf(policies).flatMap(({ id, label }) => {
    const outcome = signatures.get(id);
    if (outcome === undefined) return [];
    return outcome.status === "verified"
      ? [
          branch(
            label,
            outcome.value.map((proof) => leaf(`signed by ${signerText(proof)}`)),
          ),
        ]
      : [leaf(`${label}: ${said(outcome, () => "")}`)];
  });
  return branches.length === 0 ? [] : [branch("signatures", branches)];
};

const attestationsOf = (facts: ImageFacts, policies: readonly CompiledPolicy[]): readonly Explained[] => {
  const branches = attestationBranches(new Map([...facts.attestations, ...(facts.allAttested ?? [])]), policies);
  return branches.length === 0 ? [] : [branch("attestations", branches)];
};

const attestationBranches = (
  attested: NonNullable<ImageFacts["allAttested"]>,
  policies: readonly CompiledPolicy[],
): readonly Explained[] => {
  const authorities = authoritiesOf(policies);
  const types = new Set([...attested.keys()].map((key) => key.split("\n", 1)[0] ?? ""));
  return [...types].toSorted().flatMap((type) =>
    authorities.flatMap(({ id, label }) => {
      const outcome = attested.get(attestationKey(type, id));
      if (outcome === undefined) return [];
      return outcome.status === "verified"
        ? [
            branch(
              `${type} by ${label}`,
              outcome.value.map(({ proof }) => leaf(`attested by ${signerText(proof)}`)),
            ),
          ]
        : [leaf(`${type} by ${label}: ${said(outcome, () => "")}`)];
    }),
  );
};

/** What was attested about the platforms of an index, of each that was asked about. */
const platformsOf = ({ platforms }: ImageFacts, policies: readonly CompiledPolicy[]): readonly Explained[] => {
  if (platforms === undefined) return [];
  if (platforms.status !== "verified") return [leaf(`attestations of its platforms: ${said(platforms, () => "")}`)];
  return platforms.value.flatMap(({ platform, attested }) =>
    attestationBranches(attested, policies).map((one) => ({ ...one, text: `${platform}: ${one.text}` })),
  );
};

const scansOf = ({ scans }: ImageFacts): readonly Explained[] => {
  const branches = [...scans].map(([source, outcome]) =>
    outcome.status === "verified"
      ? branch(source, outcome.value.flatMap(coverageOf))
      : leaf(`${source}: ${said(outcome, () => "")}`),
  );
  return branches.length === 0 ? [] : [branch("scans", branches)];
};

const coverageOf = ({ platform, reports }: ScanCoverage): readonly Explained[] =>
  reports.map(({ scanner, scannedAt, vulnerabilities, suppressed = [] }) => {
    const counts = SEVERITIES.map(
      (severity) => `${vulnerabilities.filter((one) => one.severity === severity).length} ${severity}`,
    );
    if (suppressed.length > 0) counts.push(suppressedText(suppressed));
    return leaf(
      `${platform === undefined ? "" : `${platform}: `}${scanner}${scannedAt === undefined ? "" : ` at ${scannedAt}`}: ${counts.join(", ")}`,
    );
  });

/** The worst that whoever scanned took off the count. */
const suppressedText = (suppressed: NonNullable<ScanCoverage["reports"][number]["suppressed"]>): string => {
  const named = suppressed.slice(0, 10).map(({ id, severity }) => `${id} ${severity}`);
  const more = suppressed.length > named.length ? [...named, "..."] : named;
  return `${suppressed.length} suppressed by whoever scanned (${more.join(", ")})`;
};

/** Each authority of the policies that apply, under the names that they have there. */
const authoritiesOf = (
  policies: readonly CompiledPolicy[],
): readonly { readonly id: string; readonly label: string }[] => {
  const names = new Map<string, Set<string>>();
  for (const { name, authorities } of policies)
    for (const authority of authorities.values())
      names.set(authority.id, (names.get(authority.id) ?? new Set()).add(`${authority.name} (policy ${name})`));
  return [...names].map(([id, labels]) => ({
    id,
    label: [...labels].toSorted().join(", "),
  }));
};

const signerText = ({
  signer,
  fingerprint,
  signedAt,
  warnings = [],
}: {
  readonly signer: string;
  readonly fingerprint: string;
  readonly signedAt?: string;
  readonly warnings?: readonly string[];
}): string =>
  [
    signer === fingerprint
      ? `key ${fingerprint}`
      : `${signer.split("\n").toReversed().join(" of ")}, certificate ${fingerprint}`,
    signedAt === undefined ? "no proven time" : `at ${signedAt}, by a log or timestamp`,
    ...warnings.map((warning) => `warning: ${warning}`),
  ].join(", ");

type Said<T> =
  | { readonly status: "verified"; readonly value: T }
  | {
      readonly status: "absent" | "invalid" | "unavailable";
      readonly message: string;
    };

const said = <T>(outcome: Said<T>, text: (value: T) => string): string =>
  outcome.status === "verified" ? text(outcome.value) : `${outcome.status}: ${outcome.message}`;

/** The tree as lines, each deeper one indented by two more. */
export const explainLines = ({ text, children = [] }: Explained, depth: number = 0): readonly string[] => [
  `${"  ".repeat(depth)}${text}`,
  ...children.flatMap((child) => explainLines(child, depth + 1)),
];
