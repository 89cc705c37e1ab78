/** A quarter: how much of what the endpoint can hold at one time the requests about one namespace may take. */
export const OF_NAMESPACE: number = 1 / 4;
/** Three quarters: what one address may take. One API server may be all there is; one stranger leaves room for it. */
export const OF_PEER: number = 3 / 4;
/** But never less than this: two of the largest bodies, and what one rollout brings at once. */
const LEAST_REVIEWS = 16;
const LEAST_BYTES = 16 * 1024 * 1024;
/** Reviews for which there is room as long as there is any: an object and its old one, or `/mutate` and `/validate`. */
const ALWAYS = 2;

/** A bound on what is in hand at one time for each name: about a namespace, or from an address. */
export interface Shares {
  /** Whether there is room for so much more. */
  readonly free: (name: string, bytes: number) => boolean;
  /** Takes the room, or says that there is none. */
  readonly take: (name: string, bytes: number) => boolean;
  readonly give: (name: string, bytes: number) => void;
}

interface Held {
  readonly reviews: number;
  readonly bytes: number;
}

const NOTHING: Held = { reviews: 0, bytes: 0 };

/**
 * A part of all reviews and of all bytes for each name: whoever may create large pods whose registry never answers must not make
 * every other namespace's pods be refused for want of room, whether he does it in one namespace or in many; nor a stranger the API server's.
 */
export const createShares = (
  limits: { readonly reviews: number; readonly bytes: number },
  part: number = OF_NAMESPACE,
): Shares => {
  const reviews = Math.max(LEAST_REVIEWS, Math.floor(limits.reviews * part));
  const bytes = Math.max(LEAST_BYTES, Math.floor(limits.bytes * part));
  const held = new Map<string, Held>();
  // Alone one may take his part; of what several take each next one gets that part of what is left.
  const weight = part / (1 - part);
  let all = NOTHING;
  const fits = (now: Held, size: number): boolean => {
    if (now.reviews >= reviews || now.bytes + size > bytes) return false;
    if (now.reviews === all.reviews) return true;
    const left = { reviews: limits.reviews - all.reviews, bytes: limits.bytes - all.bytes - size };
    return now.reviews < Math.max(ALWAYS, left.reviews * weight) && now.bytes + size <= left.bytes * weight;
  };
  const hold = (name: string, now: Held, count: number, size: number): void => {
    const after = { reviews: now.reviews + count, bytes: now.bytes + size };
    if (after.reviews > 0) held.set(name, after);
    else held.delete(name);
    all = { reviews: all.reviews + count, bytes: all.bytes + size };
  };
  return {
    free: (name, size) => fits(held.get(name) ?? NOTHING, size),
    take: (name, size) => {
      const now = held.get(name) ?? NOTHING;
      if (!fits(now, size)) return false;
      hold(name, now, 1, size);
      return true;
    },
    give: (name, size) => {
      const now = held.get(name);
      if (now !== undefined) hold(name, now, -1, -size);
    },
  };
};
