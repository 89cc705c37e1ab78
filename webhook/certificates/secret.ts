import type { V1Secret } from "@kubernetes/client-node";
import { isCertificate, splitPem, type Material } from "./material.ts";

const SINCE = "imagesecurity.dev/authority-since";

/** Reads the material out of a Secret, sound or not: `renew` replaces what cannot be used. undefined where it holds no authority at all. */
export const materialOf = (secret: V1Secret): Material | undefined => {
  const text = (key: string): string => Buffer.from(secret.data?.[key] ?? "", "base64").toString("utf8");
  const bundle = splitPem(text("ca.crt")).filter(isCertificate);
  const [current] = bundle;
  if (current === undefined) return undefined;
  const since = Date.parse(secret.metadata?.annotations?.[SINCE] ?? "");
  return {
    authority: { cert: current, key: text("ca.key") },
    bundle,
    serving: { cert: text("tls.crt"), key: text("tls.key") },
    // Without a time of its own the change is taken to be over.
    authoritySince: Number.isNaN(since) ? 0 : since,
  };
};

/** The Secret with this material in it; what else it holds stays, its `resourceVersion` among it. */
export const secretWith = (base: V1Secret, { authority, bundle, serving, authoritySince }: Material): V1Secret => {
  const data = { "ca.crt": bundle.join(""), "ca.key": authority.key, "tls.crt": serving.cert, "tls.key": serving.key };
  const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")] as const);
  const annotations = { ...base.metadata?.annotations, [SINCE]: new Date(authoritySince).toISOString() };
  return Object.assign({}, base, {
    metadata: Object.assign({}, base.metadata, { annotations }),
    data: { ...base.data, ...Object.fromEntries(encoded) },
  });
};
