import type { EnforcementOverride } from "../../crds/types.ts";
import type { CompiledPolicy } from "../compiledPolicy.ts";
import type { EnforcementAction } from "../finding/finding.ts";
import { compileGlobs } from "../image/glob.ts";
import { stricter } from "../finding/action.ts";
import { compileSelector } from "../subject/selector.ts";
import type { Subject } from "../subject/subject.ts";
import type { FieldFaults } from "./faults.ts";

/** `unknown`: the override cannot be read, or asks for labels that could not be had. */
type Names = (namespace: string, labels: Subject["namespaceLabels"]) => "yes" | "no" | "unknown";

/**
 * Compiles `spec.enforcementOverrides`: the first that names the namespace decides, else `action`. Where it is unknown
 * whether one names it, the stricter of both answers holds.
 */
export function compileOverrides(
  overrides: readonly EnforcementOverride[],
  action: EnforcementAction,
  faults: FieldFaults,
): CompiledPolicy["actionIn"] {
  if (overrides.length === 0) return () => action;
  const compiled = overrides.map((override, index) => ({
    action: override.action,
    names: compileNames(override, faults.at(index)),
  }));
  const decide: CompiledPolicy["actionIn"] = (namespace, labels) => {
    // The softest there is: it changes nothing.
    let possible: EnforcementAction = "dryrun";
    for (const override of compiled) {
      const names = override.names(namespace, labels);
      if (names === "yes") return stricter(possible, override.action);
      if (names === "unknown") possible = stricter(possible, override.action);
    }
    return stricter(possible, action);
  };
  // All images of an object ask for one namespace.
  let last: { namespace: string; labels: Subject["namespaceLabels"]; action: EnforcementAction } | undefined;
  return (namespace, labels) => {
    if (last?.namespace !== namespace || last.labels !== labels)
      last = { namespace, labels, action: decide(namespace, labels) };
    return last.action;
  };
}

function compileNames(override: EnforcementOverride, faults: FieldFaults): Names {
  const { namespaces, namespaceSelector } = override;
  const refuse = (message: string): Names => {
    faults.add("InvalidSpec", message);
    return () => "unknown";
  };
  if ((namespaces === undefined) === (namespaceSelector === undefined)) {
    return refuse("write exactly one of namespaces and namespaceSelector");
  }
  if (namespaces !== undefined) {
    const named = compileGlobs(namespaces);
    return (namespace) => (named(namespace) ? "yes" : "no");
  }
  const selector = compileSelector(namespaceSelector ?? {});
  if (selector.status === "fault") return refuse(selector.message);
  return (_, labels) => (labels === undefined ? "unknown" : selector.matches(labels) ? "yes" : "no");
}
