import { issueAuthority, issueServing } from "./issue.ts";
import { expiryOf, isAuthority, isServing, isValidAt, sameCertificate, type Material } from "./material.ts";

const DAY = 86_400_000;

/** Milliseconds before its end at which a certificate is replaced: 90 days. */
const RENEW_EARLY: number = 90 * DAY;

/**
 * Milliseconds that the authority before stays in the bundle. Every replica reads the Secret twice a minute and changes
 * over once the bundle is in place, so a day is plenty; whoever deletes the Secret because a key leaked is rid of it then.
 */
export const OVERLAP: number = DAY;

/**
 * The material that should be in force now, given what there is: the very same object where nothing is due. A new
 * authority joins the bundle beside the one before; the caller serves its certificate only once the bundle is known.
 *
 * @param names DNS names and IP addresses that the API server may use.
 * @param now milliseconds since the epoch.
 */
export const renew = async (
  current: Material | undefined,
  names: readonly string[],
  now: number,
): Promise<Material> => {
  if (current === undefined || !isAuthority(current.authority) || isDue(current.authority.cert, now)) {
    const authority = await issueAuthority(now);
    return {
      authority,
      bundle: [authority.cert, ...(current?.bundle ?? []).filter((pem) => isValidAt(pem, now))],
      serving: await issueServing(authority, names, now),
      authoritySince: now,
    };
  }
  const { authority, serving } = current;
  const bundle = overlapping(current, now);
  if (isServing(serving, authority.cert, names) && !isDue(serving.cert, now))
    return bundle.length === current.bundle.length ? current : { ...current, bundle };
  return { ...current, bundle, serving: await issueServing(authority, names, now) };
};

/**
 * One whose time has not begun was made while the clock was ahead, such as that of a node that started without the time: API servers refuse it
 * until then, and nothing gets in.
 */
const isDue = (pem: string, now: number): boolean => !isValidAt(pem, now) || now >= expiryOf(pem) - RENEW_EARLY;

/** The bundle without authorities whose time is over. */
const overlapping = ({ authority, bundle, authoritySince }: Material, now: number): readonly string[] =>
  bundle.filter(
    (pem) => sameCertificate(pem, authority.cert) || (now < authoritySince + OVERLAP && isValidAt(pem, now)),
  );
