import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What the API server writes of a request (audit.k8s.io/v1), as far as the tests look into it. */
export interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The audit log of an API server that is yet to be started, about one user. */
export class AuditLog {
  /** Of the API server. */
  readonly flags: readonly string[];
  readonly #file: string;

  private constructor(file: string, policy: string) {
    this.#file = file;
    this.flags = [`--audit-policy-file=${policy}`, `--audit-log-path=${file}`];
  }

  static async about(user: string, folder: string): Promise<AuditLog> {
    const policy = join(folder, "audit-policy.json");
    const rules = [{ level: "Metadata", users: [user] }, { level: "None" }];
    await writeFile(
      policy,
      JSON.stringify({ apiVersion: "audit.k8s.io/v1", kind: "Policy", omitStages: ["RequestReceived"], rules }),
    );
    return new AuditLog(join(folder, "audit.log"), policy);
  }

  async events(): Promise<readonly AuditEvent[]> {
    const lines = (await readFile(this.#file, "utf8")).split("\n");
    // The last line may be half-written.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as AuditEvent);
  }
}

/** Whether RBAC let it. */
export const decisionOf = ({ annotations }: AuditEvent): string | undefined =>
  annotations?.["authorization.k8s.io/decision"];
