import { isInForce, type CompiledException } from "./compiledException.ts";
import { namesRevocation } from "./revocationExceptions.ts";

/** Where an exception stands now, as its status tells it. */
export interface Standing {
  readonly active: boolean;
  readonly reason: "Active" | "Unused" | "Expired" | "TooLong" | "NotPermitted" | "InvalidSpec";
  readonly message: string;
  /** It ends within `EXPIRING_MS`. */
  readonly expiring: boolean;
}

/** Milliseconds before its end in which an exception is said to be expiring. */
export const EXPIRING_MS: number = 7 * 86_400_000;

/**
 * @param now Milliseconds since the epoch.
 * @param silenced pods with findings that it silences; undefined: nobody has looked yet.
 * @param isPolicy whether there is a policy of a name.
 */
export function standingOf(
  exception: CompiledException,
  now: number,
  silenced: number | undefined,
  isPolicy: (name: string) => boolean,
): Standing {
  const { refused, expires } = exception;
  if (refused !== undefined) {
    const { reason, message } = refused;
    return { active: false, reason, message: `${message}; it silences nothing`, expiring: false };
  }
  if (!isInForce(exception, now)) {
    return { active: false, reason: "Expired", message: "has expired; what it silenced counts again", expiring: false };
  }
  const expiring = expires - now <= EXPIRING_MS;
  const nobody = missing(exception, isPolicy);
  const strange = nobody === "" ? "" : `; there is no policy ${nobody}`;
  if (silenced === 0) {
    const message = `is in force, and no pod has a finding that counts but for it${strange}; delete it if it is not needed any more`;
    return { active: true, reason: "Unused", message, expiring };
  }
  return { active: true, reason: "Active", message: `is in force${strange}`, expiring };
}

/** The whole names that no policy has: misspelt, so that it silences nothing, or of one that comes later. */
function missing({ spec }: CompiledException, isPolicy: (name: string) => boolean): string {
  const names = (spec?.policies ?? []).filter((name) => !name.includes("*") && !namesRevocation(name));
  return names
    .filter((name) => !isPolicy(name))
    .toSorted()
    .join(", ");
}
