import type { V1ValidatingWebhook } from "@kubernetes/client-node";
import { fingerprintOf, isCertificate, splitPem } from "../certificates/material.ts";

/** An entry of a webhook configuration, as far as it says whom the API server trusts. */
type Trusting = Pick<V1ValidatingWebhook, "name" | "clientConfig">;

/** The certificates of a bundle, base64 as it stands in a configuration: PEM, those that cannot be parsed left out. */
export const certificatesIn = (caBundle: string | undefined): readonly string[] =>
  splitPem(Buffer.from(caBundle ?? "", "base64").toString("utf8")).filter(isCertificate);

/** Whether two bundles trust the same, in whatever order and however they are wrapped. */
export const isSameBundle = (one: string | undefined, other: string | undefined): boolean => {
  if (one === other) return true;
  const [held = [], wanted = []] = [one, other].map((bundle) =>
    [...new Set(certificatesIn(bundle).map(fingerprintOf))].toSorted(),
  );
  return held.length > 0 && held.join() === wanted.join();
};

/** Whether cert-manager's CA injector keeps the bundles of a configuration: its annotations tell it to. */
export const isInjected = (configuration: {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
}): boolean =>
  Object.keys(configuration.metadata?.annotations ?? {}).some((name) => name.startsWith("cert-manager.io/inject-"));

/** The entries with the bundle that each has in the configuration, a new one with that of its neighbours, all with their own where there is none yet. */
export const withInjected = <Entry extends Trusting>(
  wanted: readonly Entry[],
  live: readonly Trusting[],
): readonly Entry[] => {
  const bundles = live.filter(({ clientConfig }) => (clientConfig.caBundle ?? "") !== "");
  return wanted.map((entry) => {
    const held = bundles.find(({ name }) => name === entry.name) ?? bundles[0];
    const caBundle = held?.clientConfig.caBundle ?? entry.clientConfig.caBundle;
    return Object.assign({}, entry, { clientConfig: Object.assign({}, entry.clientConfig, { caBundle }) });
  });
};
