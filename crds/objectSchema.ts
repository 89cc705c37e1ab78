/** A CEL rule of a schema (`x-kubernetes-validations`), over the value that the schema is about. */
export interface ObjectRule {
  readonly rule: string;
  readonly message?: string;
  /** CEL for the message; where it fails, `message` stands in. */
  readonly messageExpression?: string;
  /** Where the fault is shown, below the value: `.scan.sources`. */
  readonly fieldPath?: string;
}

/** A Kubernetes structural schema with everything that decides whether an object is taken. */
export interface ObjectSchema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly format?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, ObjectSchema>>;
  readonly additionalProperties?: ObjectSchema;
  readonly items?: ObjectSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-validations"?: readonly ObjectRule[];
}
