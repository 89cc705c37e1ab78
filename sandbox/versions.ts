/** A version of Kubernetes whose API server can be had here. */
export interface KubernetesVersion {
  /** Major and minor: names its folder in `sandbox/controlplane/`, whose go.mod and go.sum pin the patch. A test keeps the two together. */
  readonly series: string;
  readonly version: string;
  /** When it was released: the build date of our binaries, so that a build can be repeated bit by bit. */
  readonly released: string;
}

/** The one that the sandbox and the tests take. Its module also has etcd and kubectl, for all versions. */
export const defaultVersion: KubernetesVersion = {
  series: "1.36",
  version: "1.36.3",
  released: "2026-07-22T18:07:38Z",
};

/** The oldest that is supported, the newest, and what lies between; `node sandbox/controlplane/pin.ts VERSION` adds one. */
export const kubernetesVersions: readonly KubernetesVersion[] = [
  { series: "1.30", version: "1.30.14", released: "2025-06-18T19:07:32Z" },
  { series: "1.33", version: "1.33.13", released: "2026-06-11T16:59:07Z" },
  defaultVersion,
  { series: "1.37", version: "1.37.2", released: "2026-10-27T12:01:04Z" },
];

/** The version of this series, such as `1.30`. Throws an error that lists all where there is none. */
export const versionOf = (series: string): KubernetesVersion => {
  const found = kubernetesVersions.find((version) => version.series === series);
  if (found !== undefined) return found;
  throw new Error(
    `there is no Kubernetes ${series} here: take one of ${kubernetesVersions.map((version) => version.series).join(", ")}`,
  );
};
