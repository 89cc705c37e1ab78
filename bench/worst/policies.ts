import type { PolicySpec } from "../../crds/types.ts";

const many = <T>(count: number, make: (nth: number) => T): T[] => Array.from({ length: count }, (_, nth) => make(nth));
const LONG = many(4, (nth) => "abcdefghij".repeat(nth === 3 ? 4 : 5)).join(".");

/** As many lists and patterns of 255 characters as the schema takes, all about the tenant's namespace. */
const largest = (patterns: readonly string[]): PolicySpec => ({
  match: { namespaces: many(64, (nth) => `t*${nth === 63 ? "" : nth}`), excludeImages: patterns.slice(0, 128) },
  registries: {
    allow: patterns.slice(0, 128),
    deny: patterns.slice(0, 128),
    namespaces: many(64, () => ({ names: many(64, (nth) => `te*${nth === 63 ? "t" : nth}`), allow: patterns })),
  },
  digest: {},
});

/** Long hosts that differ in little, and paths with many wildcards. */
export const LARGEST: Readonly<Record<string, PolicySpec>> = {
  hosts: largest(many(128, (nth) => `registry${nth}.${LONG}.company.com/${"x".repeat(22)}`)),
  paths: largest(many(128, (nth) => `r.io/**/${"a*/".repeat(80)}b${nth}`)),
};
