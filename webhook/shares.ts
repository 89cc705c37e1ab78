/** How much of what the endpoint can hold at one time the requests about one namespace may take. */
const PART = 4;
/** But never less than this: two of the largest bodies, and what one rollout brings at once. */
const LEAST_REVIEWS = 16;
const LEAST_BYTES = 16 * 1024 * 1024;

/** A bound on what is in hand at one time about each namespace. */
export interface Shares {
  /** Whether there is room for so much more. */
  readonly free: (namespace: string, bytes: number) => boolean;
  /** Takes the room, or says that there is none. */
  readonly take: (namespace: string, bytes: number) => boolean;
  readonly give: (namespace: string, bytes: number) => void;
}

interface Held {
  readonly reviews: number;
  readonly bytes: number;
}

const NOTHING: Held = { reviews: 0, bytes: 0 };

/**
 * A quarter of all reviews and of all bytes for each namespace: whoever may create large pods whose registry never answers must not make
 * every other namespace's pods be refused for want of room.
 */
export const createShares = (limits: { readonly reviews: number; readonly bytes: number }): Shares => {
  const reviews = Math.max(LEAST_REVIEWS, Math.floor(limits.reviews / PART));
  const bytes = Math.max(LEAST_BYTES, Math.floor(limits.bytes / PART));
  const held = new Map<string, Held>();
  const fits = (now: Held, size: number): boolean => now.reviews < reviews && now.bytes + size <= bytes;
  return {
    free: (namespace, size) => fits(held.get(namespace) ?? NOTHING, size),
    take: (namespace, size) => {
      const now = held.get(namespace) ?? NOTHING;
      if (!fits(now, size)) return false;
      held.set(namespace, { reviews: now.reviews + 1, bytes: now.bytes + size });
      return true;
    },
    give: (namespace, size) => {
      const now = held.get(namespace);
      if (now === undefined || now.reviews <= 1) held.delete(namespace);
      else held.set(namespace, { reviews: now.reviews - 1, bytes: now.bytes - size });
    },
  };
};
