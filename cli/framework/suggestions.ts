/**
 * The word that somebody probably meant who wrote another one: at most one mistake per three letters.
 *
 * @returns undefined when none is close
 */
export function closestWord(written: string, words: readonly string[]): string | undefined {
  const limit = Math.floor(written.length / 3);
  const [closest] = words
    .map((word) => ({ word, distance: editDistance(written, word) }))
    .filter(({ distance }) => distance <= limit)
    .toSorted((one, other) => one.distance - other.distance);
  return closest?.word;
}

/** How many letters must be put in, taken out, replaced or swapped with their neighbour (Damerau, 1964). */
function editDistance(one: string, other: string): number {
  let beforePrevious: readonly number[] = [];
  let previous: readonly number[] = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (one[row - 1] === other[column - 1] ? 0 : 1);
      const isSwap = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      const swapped = isSwap ? (beforePrevious[column - 2] ?? Infinity) + 1 : Infinity;
      current.push(Math.min(replaced, swapped, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    [beforePrevious, previous] = [previous, current];
  }
  return previous[other.length] ?? 0;
}
