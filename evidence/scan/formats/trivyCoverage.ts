import { asObject, asText } from "../../../json/fields.ts";
import { quoted } from "./reportFields.ts";
import type { JsonObject } from "../../../json/fields.ts";

/** Results that come of a search for vulnerabilities; others are of secrets, misconfigurations, licenses. */
const OS_PACKAGES = "os-pkgs";
const LANGUAGE_PACKAGES = "lang-pkgs";

/** Trivy's word for an image that has packages of an operating system, but does not say of which (scan/local/service.go). */
const UNKNOWN_OS = "none";
/** An operating system that has packages of languages only (fanal/types/const.go, HasOSPackages). */
const LANGUAGES_ONLY: ReadonlySet<string> = new Set(["activestate"]);

const SCAN_AGAIN = "scan the image with --scanners vuln and all --pkg-types";

/**
 * Why a report says nothing about vulnerabilities of an image; undefined where it does. Of an operating system that Trivy knows every
 * report has a result for its packages, also where none is vulnerable. Without one nobody looked: another scanner ran (`--scanners
 * secret`), or for languages only, or it is a system of which Trivy has no advisories. Where the image has no operating
 * system (scratch, a static binary) its language packages stand in the report.
 */
export const unexamined = (artifactType: unknown, os: unknown, results: readonly JsonObject[]): string | undefined => {
  if (artifactType === "repository") return `Trivy report of a source repository, not of an image; ${SCAN_AGAIN}`;
  const family = asText(asObject(os)?.["Family"]);
  // Older than `Class` is `Type`, which names the operating system.
  const has = (wanted: string): boolean =>
    results.some((result) => {
      const found = asText(result["Class"]);
      return found === wanted || (found === undefined && Array.isArray(result["Vulnerabilities"]));
    });
  if (family !== undefined && family !== UNKNOWN_OS && !LANGUAGES_ONLY.has(family)) {
    return has(OS_PACKAGES)
      ? undefined
      : `Trivy report in which nobody looked for vulnerabilities of the packages of ${quoted(family)} (no os-pkgs result); ${SCAN_AGAIN}, or with a scanner that knows this system`;
  }
  if (has(LANGUAGE_PACKAGES) || (family === undefined && has(OS_PACKAGES))) return undefined;
  return family === UNKNOWN_OS
    ? "Trivy report in which nobody looked for vulnerabilities of the operating system's packages, since it could not tell which it is; keep /etc/os-release in the image"
    : `Trivy report in which nobody looked for vulnerabilities (no operating system and no os-pkgs or lang-pkgs result); ${SCAN_AGAIN}, before Trivy 0.67 with --list-all-pkgs`;
};
