import type {
  V1RuleWithOperations,
  V1ValidatingWebhook,
  V1ValidatingWebhookConfiguration,
} from "@kubernetes/client-node";
import { sameCertificate } from "../certificates/material.ts";
import { certificatesIn } from "../configurations/caBundles.ts";
import { PROBE_ENTRY } from "../configurations/probe.ts";
import { isSame, isSameSelector } from "../configurations/sameEntry.ts";

/** Why a configuration does not have every image judged. */
export type WeaknessReason =
  | "ConfigurationMissing"
  | "EntriesMissing"
  | "FailsOpen"
  | "AuthorityMissing"
  | "Narrowed"
  | "PointsElsewhere";

export interface Weakness {
  readonly reason: WeaknessReason;
  /** What was found, in words that follow "the ValidatingWebhookConfiguration image-security". */
  readonly message: string;
}

type Entry = Omit<V1ValidatingWebhook, "sideEffects" | "admissionReviewVersions">;

/**
 * What is wrong with a configuration, worst first; nothing where every entry is there, asks about all that `wanted` asks about, and refuses
 * what it could not ask about. One that asks about more is not wrong.
 *
 * @param authority PEM of the one that signed what is served; undefined does not look at whom the entries trust.
 * @param managed whether the operator writes it: others may have another way to the webhook.
 */
export function weaknesses(
  live: Pick<V1ValidatingWebhookConfiguration, "webhooks"> | undefined,
  wanted: readonly Entry[],
  authority: string | undefined,
  managed: boolean,
): readonly Weakness[] {
  if (live === undefined) return [{ reason: "ConfigurationMissing", message: "is missing" }];
  const entries = wanted.map((entry) => ({ entry, found: live.webhooks?.find(({ name }) => name === entry.name) }));
  const missing = entries.filter(({ found }) => found === undefined).map(({ entry }) => entry.name);
  if (missing.length === entries.length)
    return [{ reason: "EntriesMissing", message: "has no entry that asks about images" }];
  const present = entries.flatMap(({ entry, found }) => (found === undefined ? [] : [{ entry, found }]));
  const of = (reason: WeaknessReason, what: string, holds: (found: Entry, entry: Entry) => boolean): Weakness[] => {
    const names = present.filter(({ entry, found }) => holds(found, entry)).map(({ found }) => found.name);
    return names.length === 0 ? [] : [{ reason, message: `${what} (${names.join(", ")})` }];
  };
  return [
    ...(missing.length === 0
      ? []
      : [{ reason: "EntriesMissing" as const, message: `lacks entries (${missing.join(", ")})` }]),
    ...of(
      "FailsOpen",
      "lets pass what it cannot ask about: failurePolicy is not Fail",
      ({ failurePolicy }) => failurePolicy !== undefined && failurePolicy !== "Fail",
    ),
    ...(authority === undefined
      ? []
      : of(
          "AuthorityMissing",
          "does not trust the webhook's certificate: its caBundle lacks the operator's authority",
          ({ clientConfig }) => !trusts(clientConfig.caBundle, authority),
        )),
    ...of("Narrowed", "asks about fewer objects than it should", isNarrower),
    ...of("PointsElsewhere", "sends its questions somewhere else", (found, entry) =>
      managed ? !sameAddress(found, entry) : !followsProbe(found, entry, live.webhooks),
    ),
  ];
}

/** Whether a bundle, base64 as it stands in a configuration, holds an authority. */
export const trusts = (caBundle: string | undefined, authority: string): boolean =>
  certificatesIn(caBundle).some((pem) => sameCertificate(pem, authority));

const isNarrower = (found: Entry, wanted: Entry): boolean =>
  !isSame(found.objectSelector, undefined) ||
  !(isSame(found.namespaceSelector, undefined) || isSameSelector(found.namespaceSelector, wanted.namespaceSelector)) ||
  !(found.matchConditions ?? []).every(({ expression }) =>
    wanted.matchConditions?.some((condition) => condition.expression === expression),
  ) ||
  found.matchPolicy === "Exact" ||
  !(wanted.rules ?? []).every((rule) => isCovered(rule, found.rules ?? []));

/** Whether every question of a rule is asked by one of these. */
const isCovered = (rule: V1RuleWithOperations, by: readonly V1RuleWithOperations[]): boolean =>
  (rule.apiGroups ?? []).every((group) =>
    (rule.resources ?? []).every((resource) =>
      (rule.operations ?? []).every((operation) =>
        by.some(
          (other) =>
            has(other.apiGroups, group) &&
            has(other.apiVersions, "v1") &&
            hasResource(other.resources, resource) &&
            has(other.operations, operation) &&
            other.scope !== "Cluster",
        ),
      ),
    ),
  );

const has = (list: readonly string[] | undefined, item: string): boolean =>
  list?.includes(item) === true || list?.includes("*") === true;

/** `pods/*` and `*` + `/*` stand for subresources, `*` for none of them. */
const hasResource = (list: readonly string[] | undefined, resource: string): boolean => {
  const [name, sub] = resource.split("/");
  const also = sub === undefined ? ["*", "*/*", `${name}/*`] : ["*/*", `${name}/*`, `*/${sub}`];
  return list?.some((one) => one === resource || also.includes(one)) === true;
};

/** Whoever has another way to the webhook has it for all entries: what the probe proves holds only where the questions go as well. */
const followsProbe = (found: Entry, wanted: Entry, all: readonly Entry[] = []): boolean => {
  const probe = all.find(({ name }) => name === PROBE_ENTRY);
  const [way, proved, meant] = [found, probe ?? found, wanted].map(wayOf);
  return isSame(way?.server, proved?.server) && way?.path === meant?.path;
};

const wayOf = ({
  clientConfig: { service, url },
}: Entry): { readonly server: unknown; readonly path: string | undefined } => {
  if (service !== undefined) {
    const { path = "/", port = 443, ...server } = service;
    return { server: { ...server, port }, path: path.split("/").at(-1) };
  }
  const at = url !== undefined && URL.canParse(url) ? new URL(url) : undefined;
  return { server: at?.origin, path: at?.pathname.split("/").at(-1) };
};

const sameAddress = ({ clientConfig: one }: Entry, { clientConfig: other }: Entry): boolean =>
  isSame(one.service, other.service) && isSame(one.url, other.url);
