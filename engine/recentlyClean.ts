import type { CompiledPolicy } from "../policy/compiledPolicy.ts";
import type { ImageUse, Subject } from "../policy/subject/subject.ts";
import { createIdentities } from "../async/identities.ts";

/**
 * Milliseconds that "nothing was found" may be said again without looking, whatever it was made from: far below the time that a proof is
 * kept. A rollout asks the same of the same image many times a second.
 */
const MOMENT = 500;
/** Milliseconds that it is said again at most: nothing else is kept longer than this without looking, either (presence, proofs). */
const LONGEST = 600_000;
/** Different places, and answers in all of them together: some MiB of each. */
const MOST_PLACES = 4_096;
const MOST_ANSWERS = 16_384;
/** Characters of what tells a place: the API server takes a million of them for names of pull secrets. */
const LONGEST_KEY = 1_024;

/** How long nothing can be said against an image, in milliseconds since the epoch. */
export interface Lasting {
  /** Before then nothing that the answer was made from has to be looked at again; -Infinity: nobody knows. */
  readonly evidence: number;
  /** Before then the clock alone changes nothing about it. */
  readonly clock: number;
}

/** Of an image of which the text told all. */
export const ALWAYS: Lasting = { evidence: Infinity, clock: Infinity };

interface Clean {
  readonly since: number;
  readonly until: number;
}

/** What was clean under one set of policies, for objects that they see alike: by image. */
export type CleanPlace = Map<string, Clean>;

/**
 * Remembers that the policies found nothing to say about an image, for as long as all that this was made from would be used again anyway, and for
 * a moment at least. Only at admission, only of a digest, only a clean answer: what was refused, warned of, or could not be had is looked
 * at anew each time.
 */
export class RecentlyClean {
  /** The set of policies that the places are of. */
  #policies: readonly CompiledPolicy[] | undefined;
  readonly #places = new Map<string, CleanPlace>();
  readonly #id = createIdentities();
  readonly #moment: number;
  #answers = 0;

  /** @param moment milliseconds for which a clean answer may be said again, whatever it was made from. */
  constructor(moment: number = MOMENT) {
    this.#moment = moment;
  }

  /**
   * The place of everything beside the image and the time that an answer depends on; undefined for a namespace whose labels could not
   * be read, and for what is too long to be kept.
   *
   * @param policies the set in force: replaced when a policy changes, never changed.
   * @param matched which of them match the object, by their places in the set.
   */
  placeOf(policies: readonly CompiledPolicy[], matched: string, subject: Subject): CleanPlace | undefined {
    const { namespaceLabels, namespace, serviceAccount, imagePullSecrets, kind } = subject;
    if (namespaceLabels === undefined) return undefined;
    // The API server takes any text for a secret's name.
    if (imagePullSecrets.length > LONGEST_KEY) return undefined;
    const secrets = imagePullSecrets.length === 0 ? "" : JSON.stringify(imagePullSecrets);
    const key = `${this.#id(namespaceLabels)} ${namespace} ${serviceAccount} ${kind}${matched} ${secrets}`;
    if (key.length > LONGEST_KEY) return undefined;
    // Nobody asks about a set that was replaced any more.
    if (policies !== this.#policies) this.#forget();
    this.#policies = policies;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    if (this.#places.size >= MOST_PLACES) this.#forget();
    const place: CleanPlace = new Map();
    this.#places.set(key, place);
    return place;
  }

  /** Whether an image was clean at this place, and nobody need look again. `now` in milliseconds since the epoch. */
  has(place: CleanPlace, { image }: ImageUse, now: number): boolean {
    const clean = place.get(image);
    // A clock that was set back makes every answer old.
    return clean !== undefined && now >= clean.since && now < clean.until;
  }

  /**
   * Remembers an image without findings, unless a policy asks something of it that changes from one object or moment to the next: what
   * its tag names, what the pod's annotations say, or how old the pod is.
   *
   * @param concerned the policies that match the object and the image.
   */
  add(
    place: CleanPlace,
    { image, parsed }: ImageUse,
    concerned: readonly CompiledPolicy[],
    now: number,
    { evidence, clock }: Lasting,
  ): void {
    if (parsed.status !== "ok" || parsed.reference.digest === undefined) return;
    const { tag } = parsed.reference;
    if (concerned.some((policy) => asksOfTheMoment(policy, tag))) return;
    if (!place.has(image)) this.#answers += 1;
    if (this.#answers > MOST_ANSWERS) this.#forget();
    const until = Math.min(clock, Math.max(now + this.#moment, Math.min(evidence, now + LONGEST)));
    place.set(image, { since: now, until });
  }

  #forget(): void {
    for (const place of this.#places.values()) place.clear();
    this.#places.clear();
    this.#answers = 0;
  }
}

const asksOfTheMoment = ({ rules }: CompiledPolicy, written: string | undefined): boolean =>
  rules.some(
    ({ dependsOn: { tag, age, podAnnotations } }) =>
      (written !== undefined && tag === true) || age === true || (podAnnotations ?? []).length > 0,
  );
