/**
 * The Damerau-Levenshtein distance (insertions, deletions, substitutions and swaps of neighbours, also of those that were edited) of two
 * texts by code points; undefined where it is more than `most`. Takes about `most` steps for each character: who writes an image chooses
 * one of the texts, and there may be many.
 */
export function editDistance(one: string, other: string, most: number): number | undefined {
  const a = Array.from(one);
  const b = Array.from(other);
  if (Math.abs(a.length - b.length) > most) return undefined;
  const far = a.length + b.length;
  // Row and column 0 are a border that nothing comes from; row 1 and column 1 are the empty prefixes.
  const width = b.length + 2;
  const table = new Uint32Array((a.length + 2) * width).fill(far);
  const at = (row: number, column: number): number => table[row * width + column] ?? far;
  for (let i = 0; i <= a.length; i++) table[(i + 1) * width + 1] = i;
  for (let j = 0; j <= b.length; j++) table[width + j + 1] = j;
  const lastRow = new Map<string, number>();
  for (let i = 1; i <= a.length; i++) {
    const left = a[i - 1] ?? "";
    // Cells further from the diagonal cost more than `most` edits; they keep `far`.
    const from = Math.max(1, i - most);
    const to = Math.min(b.length, i + most);
    let least = i <= most ? i : far;
    let lastColumn = 0;
    for (let j = from; j <= to; j++) {
      const right = b[j - 1] ?? "";
      const row = lastRow.get(right) ?? 0;
      const swapped = at(row, lastColumn) + (i - row - 1) + 1 + (j - lastColumn - 1);
      const substituted = at(i, j) + (left === right ? 0 : 1);
      if (left === right) lastColumn = j;
      const cost = Math.min(substituted, at(i + 1, j) + 1, at(i, j + 1) + 1, swapped);
      table[(i + 1) * width + j + 1] = cost;
      least = Math.min(least, cost);
    }
    // No row comes cheaper than the one before it: what a swap skips, it pays for.
    if (least > most) return undefined;
    lastRow.set(left, i);
  }
  const distance = at(a.length + 1, b.length + 1);
  return distance <= most ? distance : undefined;
}
