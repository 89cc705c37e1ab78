import { untilOverdue } from "../server/deadline.ts";

/** A namespace's labels, from a cache or read live; undefined where they could not be had. */
export type NamespaceLabels = (name: string, signal: AbortSignal) => Labels | undefined | Promise<Labels | undefined>;

type Labels = Readonly<Record<string, string>>;

/** Milliseconds that a live read may take from the deadline: the rest is for evidence. */
const LIVE_READ = 2_000;

/**
 * Asks for the labels and never rejects: what fails, hangs or is no labels at all is `undefined`, and then every policy
 * with a namespace selector matches (design.md section 4).
 */
export const readLabels = (
  ask: NamespaceLabels,
  namespace: string,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Labels | undefined | Promise<Labels | undefined> => {
  try {
    const answer = ask(namespace, signal);
    if (!(answer instanceof Promise)) return checked(answer);
    const limited = AbortSignal.any([signal, AbortSignal.timeout(LIVE_READ)]);
    return untilOverdue(answer, limited, 0).then(checked, (error: unknown) => {
      onError(error);
      return undefined;
    });
  } catch (error) {
    onError(error);
    return undefined;
  }
};

const checked = (labels: unknown): Labels | undefined =>
  typeof labels === "object" && labels !== null && !Array.isArray(labels)
    ? // Kubernetes' labels are strings; a value that is not compares equal to nothing that a selector may ask.
      (labels as Labels)
    : undefined;
