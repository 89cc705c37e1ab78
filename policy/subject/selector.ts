/** The part of a Kubernetes LabelSelector that counts; as a policy writes it, so that any part may be missing. */
export interface LabelSelectorLike {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

export type Labels = Readonly<Record<string, string>>;

export type CompiledSelector =
  | { readonly status: "ok"; readonly matches: (labels: Labels) => boolean }
  | { readonly status: "fault"; readonly message: string };

/**
 * Compiles a label selector as Kubernetes reads it (metav1.LabelSelectorAsSelector): all requirements must hold,
 * `NotIn` also holds where the label is absent. An unknown operator, values where there must be none and none where
 * there must be some are faults.
 */
export function compileSelector(selector: LabelSelectorLike): CompiledSelector {
  const requirements: ((labels: Labels) => boolean)[] = Object.entries(selector.matchLabels ?? {}).map(
    ([key, value]) =>
      (labels) =>
        valueOf(labels, key) === value,
  );
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const wanted = new Set(values ?? []);
    const takesValues = operator === "In" || operator === "NotIn";
    if (takesValues && wanted.size === 0) return fault(`${operator} of ${key} needs values`);
    if (!takesValues && wanted.size > 0) return fault(`${operator} of ${key} takes no values`);
    switch (operator) {
      case "In":
        requirements.push((labels) => wanted.has(valueOf(labels, key) ?? NONE));
        break;
      case "NotIn":
        requirements.push((labels) => !wanted.has(valueOf(labels, key) ?? NONE));
        break;
      case "Exists":
        requirements.push((labels) => valueOf(labels, key) !== undefined);
        break;
      case "DoesNotExist":
        requirements.push((labels) => valueOf(labels, key) === undefined);
        break;
      default:
        return fault(`${JSON.stringify(operator)} is none of In, NotIn, Exists and DoesNotExist`);
    }
  }
  // Kubernetes would match everything: more than somebody meant who left it empty.
  if (requirements.length === 0) return fault("is empty");
  return { status: "ok", matches: (labels) => requirements.every((holds) => holds(labels)) };
}

/** No label value: they have no blanks. */
const NONE = " ";

/** Labels come from JSON, where `constructor` and `__proto__` are names like any other. */
function valueOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function fault(message: string): CompiledSelector {
  return { status: "fault", message };
}
