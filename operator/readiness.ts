/**
 * Something that a replica has to know before it may answer for the cluster. Each is a line in `run.ts`, and whoever opens one tells the
 * graph (`gates`).
 */
export interface Gate {
  /** What is waited for, as `/readyz` says it. */
  readonly name: string;
  readonly open: () => boolean;
}

/** What a replica still waits for; nothing: it is ready. */
export const waitsFor = (gates: readonly Gate[]): readonly string[] =>
  gates.filter(({ open }) => !open()).map(({ name }) => name);
