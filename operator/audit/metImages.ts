/** What audits found out about the images that they meet, such as a scan's counts. */
export interface MetImages<T> {
  /** An audit has met the image of this digest; `group` may be its namespace. */
  readonly met: (group: string, digest: string, found: T) => void;
  /** What was found last of each image of every group. */
  readonly groups: () => readonly (readonly [group: string, found: readonly T[]])[];
  /** Images that are kept. */
  readonly size: () => number;
}

export interface MetImagesOptions {
  /** Milliseconds after which an image that no audit has met any more is left out: more than one complete audit takes. */
  readonly forget: number;
  /** Whether anything is still to be known of a group; default: of each. */
  readonly isWanted?: (group: string) => boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Forgets images also where nobody ever asks for them. */
export function createMetImages<T>({ forget, isWanted = () => true, now }: MetImagesOptions): MetImages<T> {
  const byGroup = new Map<string, Map<string, { readonly found: T; readonly at: number }>>();
  let sweptAt = now();

  const sweep = (): void => {
    sweptAt = now();
    for (const [group, images] of byGroup) {
      const wanted = isWanted(group);
      for (const [digest, { at }] of images) if (!wanted || at < sweptAt - forget) images.delete(digest);
      if (images.size === 0) byGroup.delete(group);
    }
  };

  return {
    met: (group, digest, found) => {
      const at = now();
      // So seldom that looking at all of them costs each image that is met next to nothing.
      if (at - sweptAt > forget) sweep();
      const images = byGroup.get(group) ?? new Map<string, { readonly found: T; readonly at: number }>();
      byGroup.set(group, images.set(digest, { found, at }));
    },
    groups: () => {
      sweep();
      return Array.from(byGroup, ([group, images]) => [group, Array.from(images.values(), ({ found }) => found)]);
    },
    size: () => [...byGroup.values()].reduce((sum, images) => sum + images.size, 0),
  };
}
