/** What the text of strangers' JSON may not hold, whatever it means. */
export interface JsonLimits {
  readonly depth: number;
  /** Strings, objects, lists and commas together. */
  readonly tokens?: number;
  /** Objects, lists and commas together: no fewer than the values. */
  readonly values?: number;
  /** For what other programs read as well, which must see the same: no key twice in an object, and none that is `__proto__`. */
  readonly keys?: KeyLimits;
}

export interface KeyLimits {
  /** Different keys in the whole text. */
  readonly different: number;
  /** Of one key. Each is kept while it is read, in eight times its size: 16 keys of 4 MiB took 780 MiB (measured). */
  readonly bytes: number;
}

/**
 * So that JSON.parse never blocks for 50 ms: measured on one busy core, 4 MiB of empty arrays take 90 ms, 330,000 different
 * keys 220 ms; within these bounds the worst takes 40. A referrers page of 10,000 entries has 250,000 tokens.
 */
export const JSON_LIMITS: JsonLimits = { depth: 64, tokens: 300_000, keys: { different: 20_000, bytes: 65_536 } };

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
 * counts), `__proto__`, nesting and sheer number. The grammar itself is left to JSON.parse. Takes 10 ms a mebibyte.
 */
export class JsonScan {
  readonly #limits: Required<Omit<JsonLimits, "keys">>;
  /** undefined: keys are not looked at. */
  readonly #keyLimits: KeyLimits | undefined;
  readonly #keys = new Set<string>();
  /** One entry a level: the keys seen in an object, or null for an array, and where keys are not looked at. */
  readonly #levels: (ObjectKeys | null)[] = [];
  #strings = 0;
  #values = 0;
  #inString = false;
  #escaped = false;
  #expectsKey = false;
  /** The key that is being read began here, in this chunk or, with its bytes so far, in one before it. */
  #inKey = false;
  #begun: Uint8Array = NO_BYTES;
  #problem: string | undefined;

  constructor(limits: JsonLimits = JSON_LIMITS) {
    const { depth, tokens = Infinity, values = Infinity, keys } = limits;
    this.#limits = { depth, tokens, values };
    this.#keyLimits = keys;
  }

  /** Why the text is refused, as soon as it is known. */
  get problem(): string | undefined {
    return this.#problem;
  }

  feed(bytes: Uint8Array): void {
    let index = 0;
    while (index < bytes.length && this.#problem === undefined) {
      if (this.#inString) index = this.#string(bytes, index);
      else {
        // Within bounds by the loop's condition.
        this.#structure(bytes[index] as number);
        index += 1;
      }
    }
  }

  /** Reads on within a string from a place in the chunk; gives the place behind what was read. */
  #string(bytes: Uint8Array, from: number): number {
    const end = this.#endOfString(bytes, from);
    this.#inString = end < 0;
    if (this.#inKey) {
      const read = this.#begun.length + (end < 0 ? bytes.length : end) - from;
      const most = this.#keyLimits?.bytes ?? Infinity;
      if (read > most) this.#problem = `has a key of more than ${most} bytes`;
      else if (end < 0) this.#begun = Buffer.concat([this.#begun, bytes.subarray(from)]);
      else this.#endKey(bytes, from, end);
    }
    return end < 0 ? bytes.length : end + 1;
  }

  /** Where the quote stands that ends the string; -1: not in this chunk. */
  #endOfString(bytes: Uint8Array, from: number): number {
    let escaped = this.#escaped;
    for (let index = from; index < bytes.length; index += 1) {
      const byte = bytes[index];
      if (escaped) escaped = false;
      else if (byte === QUOTE) {
        this.#escaped = false;
        return index;
      } else escaped = byte === BACKSLASH;
    }
    this.#escaped = escaped;
    return -1;
  }

  #structure(byte: number): void {
    switch (byte) {
      case QUOTE:
        this.#inString = true;
        this.#inKey = this.#expectsKey;
        this.#strings += 1;
        this.#count();
        return;
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        this.#expectsKey = byte === OPEN_OBJECT && this.#keyLimits !== undefined;
        this.#levels.push(this.#expectsKey ? new ObjectKeys() : null);
        this.#values += 1;
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
        this.#expectsKey = this.#levels.at(-1) instanceof ObjectKeys;
        this.#values += 1;
        this.#count();
        return;
      case COLON:
        this.#expectsKey = false;
        return;
      default:
    }
  }

  #count(): void {
    const { tokens, values } = this.#limits;
    if (this.#values > values) this.#problem = `holds more than ${values} values`;
    else if (this.#values + this.#strings > tokens) this.#problem = `holds more than ${tokens} values`;
  }

  #endKey(bytes: Uint8Array, from: number, end: number): void {
    const raw = this.#begun.length === 0 ? bytes : Buffer.concat([this.#begun, bytes.subarray(from, end)]);
    const key = raw === bytes ? keyText(bytes, from, end) : keyText(raw, 0, raw.length);
    this.#inKey = false;
    this.#begun = NO_BYTES;
    if (key === "__proto__") this.#problem = 'has a key "__proto__"';
    else if (this.#levels.at(-1)?.add(key) === false)
      this.#problem = `has the key ${JSON.stringify(key.slice(0, 64))} twice`;
    const most = this.#keyLimits?.different ?? Infinity;
    if (this.#keys.size < most || this.#keys.has(key)) this.#keys.add(key);
    else this.#problem = `has more than ${most} different keys`;
  }
}

const NO_BYTES = new Uint8Array(0);
/** Up to so many keys are found sooner one after the other. */
const FEW = 12;

/** The keys of one object; most have few. */
class ObjectKeys {
  readonly #few: string[] = [];
  #many: Set<string> | undefined;

  /** Whether it was not there. */
  add(key: string): boolean {
    if (this.#many === undefined) {
      if (this.#few.includes(key)) return false;
      if (this.#few.push(key) > FEW) this.#many = new Set(this.#few);
      return true;
    }
    if (this.#many.has(key)) return false;
    this.#many.add(key);
    return true;
  }
}

/** `"\u0061"` is the key `a`; what is no JSON string is refused by JSON.parse later on. */
function keyText(bytes: Uint8Array, from: number, end: number): string {
  const short = end - from <= SHORT_KEY ? plainText(bytes, from, end) : undefined;
  if (short !== undefined) return short;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, end - from).toString("utf8");
  if (!text.includes("\\")) return text;
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    return text;
  }
}

/** A call into Node's buffers costs more than a few characters. */
const SHORT_KEY = 24;

/** undefined where something is escaped or not ASCII. */
function plainText(bytes: Uint8Array, from: number, end: number): string | undefined {
  let text = "";
  for (let index = from; index < end; index += 1) {
    const byte = bytes[index] ?? 0;
    if (byte === BACKSLASH || byte >= 0x80) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}
