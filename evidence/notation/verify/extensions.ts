import type { Asn1 } from "./asn1.ts";

export interface Extension {
  readonly critical: boolean;
  readonly value: Buffer;
}

/**
 * Extensions of a certificate, a list of revoked ones or an entry of it (RFC 5280, section 4.1), by object identifier. Throws what
 * `refuse` makes of a reason: also where one is there twice, which different readers would read differently (section 4.2).
 */
export const readExtensions = (
  list: readonly Asn1[],
  refuse: (reason: string) => Error,
): ReadonlyMap<string, Extension> => {
  const extensions = new Map<string, Extension>();
  for (const { subs } of list) {
    const [oid, ...rest] = subs;
    const value = rest.at(-1);
    if (oid === undefined || value === undefined) throw refuse("an extension that cannot be read");
    if (extensions.has(oid.toOid())) throw refuse("an extension twice");
    extensions.set(oid.toOid(), { critical: rest.length > 1 && rest[0]?.toBoolean() === true, value: value.value });
  }
  return extensions;
};
