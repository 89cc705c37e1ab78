/** Bytes of memory that small pieces share. */
const BLOCK = 16 * 1024;
/** Bytes from which a piece is worth an object of its own. */
const LARGE = 1_024;

/**
 * A body as it comes, in memory that is in proportion to its bytes. A sender chooses how it is cut: seven million chunks of one byte are as
 * many objects, 0.9 GiB for six bodies, and a byte behind 64 KiB of chunk extensions is a view that keeps all of them.
 */
export class Pieces {
  readonly #pieces: Buffer[] = [];
  #block: Buffer | undefined;
  #used = 0;

  /** Adds a piece; a large one is kept as it is, so nobody may change it. */
  add(piece: Buffer): void {
    if (piece.length >= LARGE && 4 * piece.length >= piece.buffer.byteLength) {
      this.#seal();
      this.#pieces.push(piece);
      return;
    }
    for (let from = 0; from < piece.length;) {
      this.#block ??= Buffer.allocUnsafeSlow(BLOCK);
      const part = piece.subarray(from, from + BLOCK - this.#used);
      this.#block.set(part, this.#used);
      this.#used += part.length;
      from += part.length;
      if (this.#used === BLOCK) this.#seal();
    }
  }

  /** All of them, in their order. */
  end(): readonly Buffer[] {
    this.#seal();
    return this.#pieces;
  }

  /** Lets go of all of them. */
  clear(): void {
    this.#pieces.length = 0;
    this.#block = undefined;
    this.#used = 0;
  }

  #seal(): void {
    if (this.#block === undefined) return;
    // Not from Node's pool, in which others keep what this one let go of.
    const exact = this.#used === BLOCK ? this.#block : Buffer.allocUnsafeSlow(this.#used);
    if (exact !== this.#block) exact.set(this.#block.subarray(0, this.#used));
    this.#pieces.push(exact);
    this.#block = undefined;
    this.#used = 0;
  }
}
