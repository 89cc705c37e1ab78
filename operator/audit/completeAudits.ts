import { sameVersion, type PolicySet } from "../policies/policySet.ts";
import type { PodContent } from "../cluster/pods.ts";
import type { CompiledPolicy } from "../../policy/compiledPolicy.ts";

/** What the last complete audit was. */
export interface AuditReport {
  /** Milliseconds since the epoch. */
  readonly endedAt: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly pods: number;
  readonly images: number;
}

/** Keeps account of complete audits: of the one under way, of the last one, and of when each policy saw one. */
export class CompleteAudits {
  #underWay: { readonly startedAt: number; readonly contents: Set<PodContent> } | undefined;
  #report: AuditReport | undefined;
  readonly #ofPolicies = new Map<string, { readonly policy: CompiledPolicy; readonly endedAt: number }>();

  /** One that is still under way goes on, with all pods anew. */
  begin(): void {
    this.#underWay = { startedAt: this.#underWay?.startedAt ?? performance.now(), contents: new Set() };
  }

  /** A pod of this content is judged. */
  met(content: PodContent): void {
    this.#underWay?.contents.add(content);
  }

  isUnderWay(): boolean {
    return this.#underWay !== undefined;
  }

  /** Nothing waits any more: what was under way is complete, and so is the first audit under a policy that is new. */
  complete(set: PolicySet, pods: number, endedAt: number): AuditReport | undefined {
    const audit = this.#underWay;
    this.#underWay = undefined;
    for (const policy of set.audited) {
      if (audit !== undefined || this.endedAt(policy) === undefined) {
        this.#ofPolicies.set(policy.name, { policy, endedAt });
      }
    }
    if (audit === undefined) return undefined;
    const images = new Set<string>();
    for (const content of audit.contents) for (const { image } of content.images) images.add(image);
    this.#report = { endedAt, duration: performance.now() - audit.startedAt, pods, images: images.size };
    return this.#report;
  }

  /** The last one; undefined before the first. */
  get report(): AuditReport | undefined {
    return this.#report;
  }

  /** When the last complete audit under this version of a policy ended, in milliseconds since the epoch. */
  endedAt(policy: CompiledPolicy): number | undefined {
    const known = this.#ofPolicies.get(policy.name);
    return known !== undefined && sameVersion(known.policy, policy) ? known.endedAt : undefined;
  }

  reset(): void {
    this.#underWay = undefined;
    this.#report = undefined;
    this.#ofPolicies.clear();
  }
}
