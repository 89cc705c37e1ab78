/**
 * The Damerau-Levenshtein distance (insertions, deletions, substitutions and swaps of neighbours, also of those that
 * were edited) of two texts by their letters; undefined where it is more than `most`, which is to be small: what both
 * texts begin with takes a step a character, and every edit a few ways to go on. Who writes an image chooses one of the
 * texts, and there may be many.
 */
export function editDistance(one: ArrayLike<string>, other: ArrayLike<string>, most: number): number | undefined {
  for (let edits = 0; edits <= most; edits++) if (within(one, 0, other, 0, edits)) return edits;
  return undefined;
}

/** Whether what is left of both from these places on is at most so many edits apart. */
function within(a: ArrayLike<string>, fromA: number, b: ArrayLike<string>, fromB: number, edits: number): boolean {
  let i = fromA;
  let j = fromB;
  // No edit of an equal beginning comes cheaper than none.
  while (i < a.length && a[i] === b[j]) {
    i++;
    j++;
  }
  if (i === a.length || j === b.length) return Math.max(a.length - i, b.length - j) <= edits;
  if (edits === 0 || Math.abs(a.length - i - (b.length - j)) > edits) return false;
  if (within(a, i + 1, b, j + 1, edits - 1)) return true;
  if (within(a, i + 1, b, j, edits - 1) || within(a, i, b, j + 1, edits - 1)) return true;
  // A swap, and what was put between the two before or after it.
  for (let gapA = 0; gapA < edits; gapA++) {
    for (let gapB = 0; gapA + gapB < edits; gapB++) {
      const swapped = a[i] === b[j + 1 + gapB] && b[j] === a[i + 1 + gapA];
      if (swapped && within(a, i + 2 + gapA, b, j + 2 + gapB, edits - 1 - gapA - gapB)) return true;
    }
  }
  return false;
}
