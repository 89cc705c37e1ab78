import type { EnforcementAction, Finding } from "../../policy/finding/finding.ts";

/** A finding of one policy about one image of one owner, and how many objects have it. */
export interface AuditFinding {
  readonly policy: string;
  /** What the policy does in this namespace today. */
  readonly inForce: EnforcementAction;
  /** Whether an object with it would be refused if the policy denied; otherwise it is a warning there, too. */
  readonly refuses: boolean;
  readonly exempted?: NonNullable<Finding["exempted"]>;
  readonly namespace: string;
  /** `Deployment/web`. */
  readonly owner: string;
  readonly rule: Finding["rule"];
  readonly reason: Finding["reason"];
  readonly container: string;
  readonly image: string;
  readonly message: string;
  readonly pods: number;
  readonly templates: number;
}

/** An image that pods or templates name. */
export interface AuditedImage {
  readonly image: string;
  /** Canonical; empty where the image does not parse. */
  readonly registry: string;
  readonly form: "tag" | "digest" | "tag and digest" | "malformed";
  readonly namespaces: readonly string[];
  readonly pods: number;
  readonly templates: number;
}

/** What a policy would refuse if every pod and template were made anew while it denies. */
export interface PolicyRadius {
  readonly policy: string;
  /** The actions in force in the namespaces that it is about. */
  readonly inForce: readonly EnforcementAction[];
  readonly pods: number;
  readonly templates: number;
  readonly owners: number;
  readonly namespaces: readonly string[];
}

export interface AuditResult {
  /** The context of the kubeconfig. */
  readonly cluster: string;
  readonly pods: number;
  readonly templates: number;
  readonly namespaces: number;
  readonly images: readonly AuditedImage[];
  readonly policies: readonly PolicyRadius[];
  readonly findings: readonly AuditFinding[];
  readonly notes: readonly string[];
}
