import { V1ObjectMeta, type V1Secret } from "@kubernetes/client-node";
import { isAuthority, isServing, splitPem, type Material } from "./material.ts";

const SINCE = "imagesecurity.dev/authority-since";

/** Reads the material out of a Secret; undefined where it holds none that could be used. */
export const materialOf = (secret: V1Secret): Material | undefined => {
  const text = (key: string): string => Buffer.from(secret.data?.[key] ?? "", "base64").toString("utf8");
  const bundle = splitPem(text("ca.crt"));
  const [current] = bundle;
  if (current === undefined) return undefined;
  const authority = { cert: current, key: text("ca.key") };
  const serving = { cert: text("tls.crt"), key: text("tls.key") };
  if (!isAuthority(authority) || !isServing(serving, authority.cert, [])) return undefined;
  const since = Date.parse(secret.metadata?.annotations?.[SINCE] ?? "");
  // Without a time of its own the change is taken to be over: only a bundle of one is certain then.
  return { authority, bundle, serving, authoritySince: Number.isNaN(since) ? 0 : since };
};

/** The Secret with this material in it; what else it holds stays, its `resourceVersion` among it. */
export const secretWith = (base: V1Secret, { authority, bundle, serving, authoritySince }: Material): V1Secret => {
  const data = { "ca.crt": bundle.join(""), "ca.key": authority.key, "tls.crt": serving.cert, "tls.key": serving.key };
  const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")] as const);
  const { metadata, ...rest } = base;
  const annotations = { ...metadata?.annotations, [SINCE]: new Date(authoritySince).toISOString() };
  return {
    ...rest,
    metadata: Object.assign(new V1ObjectMeta(), metadata, { annotations }),
    data: { ...base.data, ...Object.fromEntries(encoded) },
  };
};
