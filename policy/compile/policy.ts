import { createHash } from "node:crypto";
import type { ImageSecurityPolicy, PolicySpec } from "../../crds/types.ts";
import type { CompiledPolicy, PolicyFault } from "../compiledPolicy.ts";
import type { ImagePattern } from "../image/pattern.ts";
import { compileAttestations } from "./attestations.ts";
import { compileAuthorities } from "./authorities.ts";
import { compileBaseImages } from "./baseImages.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { compileCredentials } from "./credentials.ts";
import { compileDigest } from "./digest.ts";
import { compileMatch } from "./match.ts";
import { compileOverrides } from "./overrides.ts";
import { compileQuorum } from "./quorum.ts";
import { compileRegistries } from "./registries.ts";
import type { DataReference, Resolve, ResolvedData } from "./resolve.ts";
import { compileScan } from "./scan.ts";
import { readSpec } from "./spec.ts";

/**
 * Compiles a policy. Never throws for what a policy says: what is wrong becomes a fault (`Ready=False`), the policy stays in force, and
 * what the faulty part would have judged is EvidenceUnavailable with the enforcement action.
 */
export function compilePolicy(object: ImageSecurityPolicy, resolve: Resolve): CompiledPolicy {
  const { metadata } = object;
  const { spec, faults: ofShape, unjudged, overridesUnreadable } = readSpec(object.spec);
  const resolved: [DataReference, ResolvedData][] = [];
  const recording: Resolve = (reference) => {
    const data = resolve(reference);
    resolved.push([reference, data]);
    return data;
  };
  const match = compileMatch(spec.match ?? {});
  const { actionIn, faults: ofOverrides } = compileOverrides(
    spec.enforcementOverrides ?? [],
    spec.enforcementAction ?? "deny",
  );
  const authorities = compileAuthorities(spec.authorities ?? [], recording);
  const registries = spec.registries && compileRegistries(spec.registries);
  const scan = spec.scan && compileScan(spec.scan, authorities, spec.signatures !== undefined);
  const attestations = compileAttestations(spec.attestations ?? [], authorities);
  const baseImages = spec.baseImages && compileBaseImages(spec.baseImages, authorities);
  const credentials = compileCredentials(spec.registryCredentials?.secretRefs ?? [], recording);

  const allowed = [registries?.rule.allow, ...(registries?.rule.namespaces ?? []).map(({ allow }) => allow)];
  const named = [...(match.images?.patterns ?? []), ...allowed.flatMap((list) => list?.patterns ?? [])];
  return Object.freeze<CompiledPolicy>({
    name: metadata.name,
    uid: metadata.uid ?? "",
    generation: metadata.generation ?? 0,
    key: createHash("sha256")
      .update(canonicalJson([spec, resolved]))
      .digest("hex"),
    onUnavailable: spec.onUnavailable ?? "deny",
    // An override that cannot be read could have been a stricter one.
    actionIn: overridesUnreadable ? () => "deny" : actionIn,
    matchesSubject: match.matchesSubject,
    matchesImage: match.matchesImage,
    ...(registries && { registries: registries.rule }),
    ...(spec.digest && { digest: compileDigest(spec.digest) }),
    ...(scan && { scan: scan.rule }),
    ...(spec.signatures && { signatures: compileQuorum(spec.signatures, authorities) }),
    attestations: attestations.rules,
    ...(baseImages && { baseImages: baseImages.rule }),
    unjudged,
    authorities: authorities.authorities,
    credentials: credentials.credentials,
    audited: spec.audit?.enabled ?? true,
    faults: [
      ...ofShape,
      ...match.faults,
      ...ofOverrides,
      ...authorities.faulty.values(),
      ...(registries?.faults ?? []),
      ...(scan?.faults ?? []),
      ...attestations.faults,
      ...(baseImages?.faults ?? []),
      ...credentials.faults,
      ...undefinedAuthorities(spec),
      ...withoutRule(spec),
    ],
    advice: scan?.advice ?? [],
    registryHosts: hostsOf(
      [...named, ...(registries?.rule.deny.patterns ?? [])],
      [...authorities.authorities.values()],
    ),
    namedPatterns: named.filter(({ everyHost }) => !everyHost),
  });
}

function hostsOf(
  patterns: readonly ImagePattern[],
  authorities: readonly { readonly repository?: string }[],
): ReadonlySet<string> {
  const ofPatterns = patterns.flatMap(({ literalHost }) => (literalHost === undefined ? [] : [literalHost]));
  const ofRepositories = authorities.flatMap(({ repository }) =>
    repository === undefined ? [] : [repository.slice(0, repository.indexOf("/"))],
  );
  return new Set([...ofPatterns, ...ofRepositories]);
}

function withoutRule({
  registries,
  digest,
  scan,
  signatures,
  attestations,
  baseImages,
}: PolicySpec): readonly PolicyFault[] {
  const rules = [registries, digest, scan, signatures, attestations, baseImages];
  if (rules.some((rule) => rule !== undefined)) return [];
  return [
    {
      reason: "InvalidSpec",
      path: "spec",
      message: "has no rule: write registries, digest, scan, signatures, attestations or baseImages",
    },
  ];
}

/** The API server refuses these names; files and older objects may have them. */
function undefinedAuthorities(spec: PolicySpec): readonly PolicyFault[] {
  const defined = new Set((spec.authorities ?? []).map(({ name }) => name));
  const users: readonly (readonly [path: string, names: readonly string[] | undefined])[] = [
    ["spec.signatures.authorities", spec.signatures?.authorities],
    ...(spec.attestations ?? []).map(
      ({ authorities }, index) => [`spec.attestations[${index}].authorities`, authorities] as const,
    ),
    ...(spec.scan?.sources ?? []).map(
      ({ attestation }, index) =>
        [`spec.scan.sources[${index}].attestation.authorities`, attestation?.authorities] as const,
    ),
    ["spec.scan.vex.authorities", spec.scan?.vex?.authorities],
    ["spec.baseImages.authorities", spec.baseImages?.authorities],
  ];
  return users.flatMap(([path, names]) =>
    [...new Set(names ?? [])]
      .filter((name) => !defined.has(name))
      .map((name) => ({ reason: "InvalidSpec" as const, path, message: `${name} is not among spec.authorities` })),
  );
}
