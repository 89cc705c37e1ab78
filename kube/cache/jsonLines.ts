import { KubeError } from "../kubeError.ts";
import { LARGEST_OBJECT } from "./largestObject.ts";

const NEWLINE = 0x0a;

/** The JSON values of a newline-delimited body, as they come. Rejects with KubeError `malformed` for what is no JSON. */
export async function* jsonLines(
  body: AsyncIterable<Uint8Array>,
  limit: number = LARGEST_OBJECT,
): AsyncGenerator<unknown, void> {
  let kept: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      kept.push(chunk.subarray(start, end));
      size += end - start;
      if (size > limit) throw tooLong(limit);
      const line = size === 0 ? undefined : parse(kept);
      kept = [];
      size = 0;
      start = end + 1;
      if (line !== undefined) yield line.value;
    }
    if (start < chunk.length) {
      // A copy: the chunk may be a view into a buffer that the socket uses again.
      kept.push(Uint8Array.from(chunk.subarray(start)));
      size += chunk.length - start;
      if (size > limit) throw tooLong(limit);
    }
  }
  // The end of the body in the middle of a line is a broken connection; the event comes again after reconnecting.
}

function parse(parts: readonly Uint8Array[]): { readonly value: unknown } | undefined {
  const text = Buffer.concat(parts).toString("utf8");
  if (text.trim() === "") return undefined;
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    throw new KubeError("malformed", `a watch event is no JSON (${text.length} characters)`, 0, "", error);
  }
}

const tooLong = (limit: number): KubeError => new KubeError("malformed", `a watch event is longer than ${limit} bytes`);
