// The newest answers of a question that costs more than it is worth to ask again, so many and no more. For
// answers that follow from the key alone, or whose owner says when they no longer hold.

export class Newest<Value> {
  readonly #max: number;
  /** In the order of their last use. */
  readonly #kept = new Map<string, Value>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** The kept answer, or the one that `make` gives now; undefined is not kept. */
  get<Made extends Value | undefined>(key: string, make: () => Made): Value | Made {
    const value = this.#kept.get(key) ?? make();
    if (value === undefined) return value;
    this.#kept.delete(key);
    this.#kept.set(key, value);
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size > this.#max) this.#kept.delete(oldest);
    return value;
  }

  forget(key: string): void {
    this.#kept.delete(key);
  }
}
