/** Which of a policy's Violations are stored, and which pods found no room. */
export interface PolicyQuota {
  /** Violation keys that are to be stored. */
  readonly stored: Set<string>;
  /** Pod keys whose Violation is counted but not stored. */
  readonly waiting: Set<string>;
  /** Violation keys that stand in the cluster without being wanted, or before it is known whether they are. */
  readonly extra: Set<string>;
}

export const emptyQuota = (): PolicyQuota => ({ stored: new Set(), waiting: new Set(), extra: new Set() });

/**
 * Whether there is room for a Violation. One that stands in the cluster already goes first: after a restart the same ones stay, whatever
 * the order in which pods are judged.
 */
export const hasRoom = ({ stored, extra }: PolicyQuota, key: string, limit: number): boolean =>
  extra.has(key) ? stored.size < limit : stored.size + extra.size < limit;
