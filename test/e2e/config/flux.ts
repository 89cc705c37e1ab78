import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { parse } from "@marcbachmann/cel-js";
import { parse as parseYaml } from "yaml";

/** An object as far as its health goes. */
export interface Live extends Record<string, unknown> {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly generation: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

interface HealthCheck {
  readonly kind: string;
  readonly current: string;
  readonly failed: string;
}

/** `healthCheckExprs` of docs/gitops.md. */
export async function documentedChecks(): Promise<readonly HealthCheck[]> {
  const page = await readFile(new URL("../../../docs/gitops.md", import.meta.url), "utf8");
  const [block = assert.fail("no healthCheckExprs")] = /^healthCheckExprs:\n(?: .*\n)+/m.exec(page) ?? [];
  return (parseYaml(block) as { readonly healthCheckExprs: readonly HealthCheck[] }).healthCheckExprs;
}

/** What Flux makes of an object by these (`StatusEvaluator` of fluxcd/pkg/runtime/cel). Throws where an expression cannot be evaluated. */
export function healthByFlux(checks: readonly HealthCheck[], object: Live): "Failed" | "Current" | "InProgress" {
  const { failed, current } = checks.find(({ kind }) => kind === object.kind) ?? assert.fail(object.kind);
  if (isUnseen(object)) return "InProgress";
  if (parse(failed)(object) === true) return "Failed";
  return parse(current)(object) === true ? "Current" : "InProgress";
}

/** What kstatus says of a custom resource without them (`checkGeneration`, `checkReadyCondition` of cli-utils): current where neither tells. */
export function kstatusOf(object: Live): "Current" | "InProgress" {
  if (isUnseen(object)) return "InProgress";
  const conditions = object.status?.conditions ?? [];
  return conditions.some(({ type, status }) => type === "Ready" && status !== "True") ? "InProgress" : "Current";
}

const isUnseen = ({ metadata, status }: Live): boolean =>
  status?.observedGeneration !== undefined && status.observedGeneration !== metadata.generation;
