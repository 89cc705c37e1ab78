/** What JSON from a registry may not hold, whatever it means: it is read by other programs as well, which must see the same. */
export interface JsonLimits {
  readonly depth: number;
  /** Keys, values and commas together. */
  readonly tokens: number;
  /** Different keys in the whole text. */
  readonly keys: number;
  /** Bytes of one key. Each is kept while it is read, in eight times its size: 16 keys of 4 MiB took 780 MiB (measured). */
  readonly keyBytes: number;
}

/**
 * So that JSON.parse never blocks for 50 ms: measured on one busy core, 4 MiB of empty arrays take 90 ms, 330,000 different
 * keys 220 ms; within these bounds the worst takes 40. A referrers page of 10,000 entries has 250,000 tokens.
 */
export const JSON_LIMITS: JsonLimits = { depth: 64, tokens: 300_000, keys: 20_000, keyBytes: 65_536 };

export type JsonResult =
  | { readonly status: "ok"; readonly value: unknown }
  | { readonly status: "malformed"; readonly message: string };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

/**
 * Watches JSON go by, chunk by chunk, for what JSON.parse does not refuse: duplicate keys (parsers disagree on which one
 * counts), `__proto__`, nesting and sheer number. The grammar itself is left to JSON.parse.
 */
export class JsonScan {
  readonly #limits: JsonLimits;
  readonly #keys = new Set<string>();
  /** One entry a level: the keys seen in an object, or null for an array. */
  readonly #levels: (Set<string> | null)[] = [];
  #tokens = 0;
  #inString = false;
  #escaped = false;
  #expectsKey = false;
  #key: number[] | undefined;
  #problem: string | undefined;

  constructor(limits: JsonLimits = JSON_LIMITS) {
    this.#limits = limits;
  }

  /** Why the text is refused, as soon as it is known. */
  get problem(): string | undefined {
    return this.#problem;
  }

  feed(bytes: Uint8Array): void {
    for (let index = 0; index < bytes.length && this.#problem === undefined; index += 1) {
      // Within bounds by the loop's condition.
      const byte = bytes[index] as number;
      if (this.#inString) this.#string(byte);
      else this.#structure(byte);
    }
  }

  #string(byte: number): void {
    if (!this.#escaped && byte === QUOTE) {
      this.#inString = false;
      if (this.#key !== undefined) this.#endKey(this.#key);
      return;
    }
    if (this.#key !== undefined && this.#key.push(byte) > this.#limits.keyBytes)
      this.#problem = `has a key of more than ${this.#limits.keyBytes} bytes`;
    this.#escaped = !this.#escaped && byte === BACKSLASH;
  }

  #structure(byte: number): void {
    switch (byte) {
      case QUOTE:
        this.#inString = true;
        this.#key = this.#expectsKey ? [] : undefined;
        this.#count();
        return;
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        this.#levels.push(byte === OPEN_OBJECT ? new Set() : null);
        this.#expectsKey = byte === OPEN_OBJECT;
        this.#count();
        if (this.#levels.length > this.#limits.depth)
          this.#problem = `is nested deeper than ${this.#limits.depth} levels`;
        return;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        this.#levels.pop();
        this.#expectsKey = false;
        return;
      case COMMA:
        this.#expectsKey = this.#levels.at(-1) instanceof Set;
        this.#count();
        return;
      case COLON:
        this.#expectsKey = false;
        return;
      default:
    }
  }

  #count(): void {
    this.#tokens += 1;
    if (this.#tokens > this.#limits.tokens) this.#problem = `holds more than ${this.#limits.tokens} values`;
  }

  #endKey(raw: number[]): void {
    this.#key = undefined;
    const key = keyText(raw);
    if (key === "__proto__") this.#problem = 'has a key "__proto__"';
    const keys = this.#levels.at(-1);
    if (keys === undefined || keys === null) return;
    if (keys.has(key)) this.#problem = `has the key ${JSON.stringify(key.slice(0, 64))} twice`;
    keys.add(key);
    this.#keys.add(key);
    if (this.#keys.size > this.#limits.keys) this.#problem = `has more than ${this.#limits.keys} different keys`;
  }
}

/** `"\u0061"` is the key `a`; what is no JSON string is refused by JSON.parse later on. */
function keyText(raw: number[]): string {
  const text = Buffer.from(raw).toString("utf8");
  if (!text.includes("\\")) return text;
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    return text;
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Parses bytes that a JsonScan has seen and not refused. Strict UTF-8: a replaced byte would be another text. */
export function parseScanned(bytes: Uint8Array): JsonResult {
  try {
    const value: unknown = JSON.parse(UTF8.decode(bytes));
    return { status: "ok", value };
  } catch {
    return { status: "malformed", message: "is no JSON" };
  }
}

/** Scan and parse at once, for texts that are small. */
export function parseJson(bytes: Uint8Array, limits: JsonLimits = JSON_LIMITS): JsonResult {
  const scan = new JsonScan(limits);
  scan.feed(bytes);
  return scan.problem === undefined ? parseScanned(bytes) : { status: "malformed", message: scan.problem };
}
