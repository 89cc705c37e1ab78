import { EXTENSION_OID_SCT, type X509Certificate } from "@sigstore/core";

/**
 * A certificate in which the library finds no promise of a certificate log (SCT). It proves every one that is there,
 * whether one is asked for or not, and a promise of a log that nobody knows would refuse what needs none. It looks for
 * them in a copy, from which it takes them away itself: the certificate's own bytes stay what its issuer signed.
 */
export const withUnseenPromises = (certificate: X509Certificate): X509Certificate => {
  const bare = certificate.clone();
  const { extensions } = bare;
  const at = extensions.findIndex((extension) => extension.subs[0]?.toOID() === EXTENSION_OID_SCT);
  if (at >= 0) extensions.splice(at, 1);
  return Object.defineProperty(certificate.clone(), "clone", { value: () => bare });
};
