import type { Certificate } from "../verify/certificate.ts";
import { parseDer } from "../verify/asn1.ts";
import { distributionPoints } from "./crl.ts";

const AUTHORITY_INFORMATION = "1.3.6.1.5.5.7.1.1";
const OCSP = "1.3.6.1.5.5.7.48.1";
const DISTRIBUTION_POINTS = "2.5.29.31";
const FRESHEST_CRL = "2.5.29.46";
const URI = 6;
/** In one certificate: any one of them will do. */
const MOST_RESPONDERS = 8;

/** Where a certificate says that its revocation can be asked for. */
export interface Places {
  /** Addresses of responders, in order. */
  readonly responders: readonly string[];
  /** Addresses of lists: each covers a part, so that all of them count. */
  readonly lists: readonly string[];
  /** It names changes of lists itself: not supported, as in notation, for their scope may be another one. */
  readonly changes: boolean;
}

/** Throws where an extension does not parse. */
export const placesOf = ({ extensions }: Certificate): Places => {
  const information = extensions.get(AUTHORITY_INFORMATION);
  const points = extensions.get(DISTRIBUTION_POINTS);
  const responders =
    information === undefined
      ? []
      : parseDer(information.value).subs.flatMap(({ subs: [method, place] }) =>
          method?.toOid() === OCSP && place?.isContext(URI) === true ? [place.value.toString("latin1")] : [],
        );
  return {
    responders: responders.slice(0, MOST_RESPONDERS),
    lists: points === undefined ? [] : distributionPoints(parseDer(points.value)),
    changes: extensions.has(FRESHEST_CRL),
  };
};
