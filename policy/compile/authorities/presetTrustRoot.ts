import type { TrustRoot } from "../../../crds/types.ts";
import type { TrustRootSource } from "../../authority.ts";
import { fault, ok, type Result } from "../result.ts";
import githubRoot from "./githubTufRoot.json" with { type: "json" };
import type { TrustRootNeeds } from "./trustRoot.ts";

/** GitHub's TUF repository, and the root from which trust in it begins (docs/adr/0005 says where that is from). */
const GITHUB: TrustRootSource = {
  type: "tuf",
  mirror: "https://tuf-repo.github.com",
  root: JSON.stringify(githubRoot),
};

/** The trust root of an instance that is known by name. */
export function presetTrustRoot(
  preset: NonNullable<TrustRoot["preset"]>,
  needs: TrustRootNeeds,
  path: string,
): Result<TrustRootSource> {
  if (preset === "SigstorePublicGood") return ok({ type: "publicGood" });
  const lacking = [
    ...(needs.certificateLogs ? ["keyless.sct: Ignored"] : []),
    ...(needs.transparencyLogs ? ["transparencyLog: Ignored"] : []),
  ];
  return lacking.length === 0
    ? ok(GITHUB)
    : fault("TrustRootInvalid", path, `GitHub's instance has no logs; write ${lacking.join(" and ")}`);
}
