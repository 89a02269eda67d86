/**
 * Positive numbers in as little memory as they take: 16 to 32 bytes each, where a `Set` takes twice as much and gives the
 * garbage collector as many things to look at. The numbers must be spread evenly, as digests are.
 */
export class NumberSet {
  #places = new Float64Array(FIRST_PLACES);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(number: number): boolean {
    return this.#places[this.#find(number)] === number;
  }

  add(number: number): void {
    const place = this.#find(number);
    if (this.#places[place] === number) return;
    this.#places[place] = number;
    this.#size += 1;
    if (this.#size * 2 > this.#places.length) this.#grow();
  }

  /** Where a number is, or would be put. */
  #find(number: number): number {
    const last = this.#places.length - 1;
    let place = number % this.#places.length;
    while (this.#places[place] !== FREE && this.#places[place] !== number) place = (place + 1) & last;
    return place;
  }

  #grow(): void {
    const numbers = this.#places;
    this.#places = new Float64Array(numbers.length * 2);
    this.#size = 0;
    for (const number of numbers) if (number > FREE) this.add(number);
  }
}

/** A power of two, as all later counts are. */
const FIRST_PLACES = 64;
const FREE = 0;
