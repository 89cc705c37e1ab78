/**
 * What only the operator can see to be wrong with a policy that the API server took. The policy stays in force:
 * the rules that need the faulty part answer EvidenceUnavailable with the enforcement action.
 */
export interface PolicyFault {
  /** Becomes the reason of `Ready=False`. */
  readonly reason:
    | "NamespaceNotTrusted"
    | "ReferenceNotFound"
    | "KeyInvalid"
    | "TrustRootInvalid"
    | "CertificateInvalid"
    | "ExpressionInvalid"
    | "PatternInvalid"
    | "InvalidSpec";
  /** Field path, such as `spec.authorities[0].key.secretRef`. */
  readonly path: string;
  readonly message: string;
}

/** What `faults` say, each behind its field, as Kubernetes has it: `spec.scan.maxAge: "1x" is not a duration`. */
export function faultText(faults: readonly Pick<PolicyFault, "path" | "message">[]): string {
  return faults.map(({ path, message }) => `${path}: ${message}`).join("; ");
}

/**
 * Collects what is wrong at one place of an object and below it, each fault with its path, as Kubernetes'
 * `field.ErrorList` does with a `field.Path`. Compiling goes on after a fault, so that an author is told everything at
 * once.
 */
export class FieldFaults {
  readonly path: string;
  readonly #above: FieldFaults | undefined;
  readonly #found: PolicyFault[] = [];

  constructor(path: string, above?: FieldFaults) {
    this.path = path;
    this.#above = above;
  }

  /** The collector of a field (a name) or of an entry (a number) below this place. */
  at(...steps: readonly (string | number)[]): FieldFaults {
    const path = steps.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("");
    return new FieldFaults(`${this.path}${path}`, this);
  }

  add(reason: PolicyFault["reason"], message: string): void {
    this.include({ reason, path: this.path, message });
  }

  /** Takes over what was found elsewhere, with the path that it has. */
  include(...faults: readonly PolicyFault[]): void {
    this.#found.push(...faults);
    this.#above?.include(...faults);
  }

  /** In the order in which they were found. */
  get list(): readonly PolicyFault[] {
    return this.#found;
  }

  /**
   * For a compiled rule's `fault`; nothing where all compiled. A rule with a fault stays, and answers as a
   * configuration fault for every image: nothing is judged by the half of a rule that was understood.
   */
  asField(): { readonly fault?: string } {
    return this.#found.length === 0 ? {} : { fault: faultText(this.#found) };
  }
}
