import { compileException } from "../../policy/exceptions/compileException.ts";
import type { CompiledException } from "../../policy/exceptions/compiledException.ts";
import type { ExceptionRecord } from "./policies.ts";

export interface ExceptionCompilerOptions {
  readonly exceptions: () => Iterable<ExceptionRecord>;
  /** Milliseconds that an exception may last (`--max-exception-duration`). */
  readonly maxDuration: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Compiles all exceptions, those anew that changed. In the order of their names; what has not changed is the very same object. */
export function createExceptionCompiler({
  exceptions,
  maxDuration,
  now,
}: ExceptionCompilerOptions): () => readonly CompiledException[] {
  let kept = new Map<string, CompiledException>();
  return () => {
    const records = [...exceptions()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    kept = new Map(
      records.map((record): [string, CompiledException] => {
        const known = kept.get(record.name);
        return [
          record.name,
          known !== undefined && known.uid === record.uid && known.generation === record.generation
            ? known
            : compileException(record.exception, { maxDuration, now: now() }),
        ];
      }),
    );
    return [...kept.values()];
  };
}
