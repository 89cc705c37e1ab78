import type { Finding } from "../policy/finding/finding.ts";

/** Findings of one object: sixteen for each of the places that are judged, more than anybody reads. */
export const MOST_FINDINGS = 16_384;

/** Characters that messages of one object take before they are cut. A denial shows a mebibyte of them. */
const MOST_TEXT = 2 * 1024 * 1024;
const CUT = 256;

/**
 * The findings of one object, as they come. Each of a thousand images may have a finding of 2,000 characters under each of a hundred
 * policies, and twenty such objects may be judged at one time: beyond some length messages are cut, and beyond some number judging ends.
 */
export class FindingList {
  readonly #findings: Finding[] = [];
  #room = MOST_TEXT;

  get all(): readonly Finding[] {
    return this.#findings;
  }

  get full(): boolean {
    return this.#findings.length >= MOST_FINDINGS;
  }

  add(finding: Finding): void {
    const { message } = finding;
    this.#room -= message.length;
    this.#findings.push(this.#room >= 0 || message.length <= CUT ? finding : { ...finding, message: cut(message) });
  }

  /** Adds one of few, whose message is not to be cut. */
  addWhole(finding: Finding): void {
    this.#findings.push(finding);
  }
}

/** A copy: a part of a text holds the whole of it in memory. */
const cut = (message: string): string => `${Buffer.from(message.slice(0, CUT)).toString()}...`;
