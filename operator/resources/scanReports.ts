import type { ReportsByDigest } from "../../evidence/scan/reportSource.ts";
import { storedReport, type StoredReport } from "../../evidence/scan/vulnerabilityReport.ts";
import type { KubeClient } from "../kube/kubeClient.ts";
import type { Log } from "../log.ts";
import { ListWatch, type ListWatchTiming } from "../watch/listWatch.ts";

const COLLECTION = "/apis/aquasecurity.github.io/v1alpha1/vulnerabilityreports";
const DEFINITION =
  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vulnerabilityreports.aquasecurity.github.io";

/** A report is kept only where it names a digest: without one it is about no image. */
interface Kept {
  readonly report: StoredReport | undefined;
}

export interface ScanReports {
  /** Watches from the first `true` on; `false` ends the watch and forgets the reports. */
  readonly want: (wanted: boolean) => Promise<void>;
  /** Resolves when the reports that are wanted are known, at once where none are. */
  readonly untilKnown: () => Promise<void>;
  /** undefined while the reports could not be listed; a cluster without trivy-operator has none. */
  readonly byDigest: ReportsByDigest;
  readonly stop: () => Promise<void>;
}

export interface ScanReportsOptions {
  readonly client: KubeClient;
  readonly log: Log;
  /** Reports of these digests came, changed or went. */
  readonly onChange: (digests: readonly string[]) => void;
  /** The first list is in: until then every question about a report was open. */
  readonly onKnown: () => void;
  readonly onAlive?: (now: number) => void;
  readonly timing?: Partial<ListWatchTiming>;
}

/** trivy-operator's VulnerabilityReports by digest, watched only while a policy asks for them. */
export const createScanReports = ({
  client,
  log,
  onChange,
  onKnown,
  onAlive,
  timing,
}: ScanReportsOptions): ScanReports => {
  let watch: ListWatch<Kept> | undefined;
  const byDigest = new Map<string, Map<string, StoredReport>>();

  const moved = (key: string, before: Kept | undefined, after: Kept | undefined): void => {
    const digests = new Set<string>();
    if (before?.report !== undefined) {
      digests.add(before.report.digest);
      const kept = byDigest.get(before.report.digest);
      kept?.delete(key);
      if (kept?.size === 0) byDigest.delete(before.report.digest);
    }
    if (after?.report !== undefined) {
      digests.add(after.report.digest);
      const kept = byDigest.get(after.report.digest) ?? new Map<string, StoredReport>();
      byDigest.set(after.report.digest, kept.set(key, after.report));
    }
    if (digests.size > 0) onChange([...digests]);
  };

  const end = async (): Promise<void> => {
    const ending = watch;
    watch = undefined;
    await ending?.stop();
    byDigest.clear();
  };

  return {
    want: async (wanted) => {
      if (!wanted) return end();
      if (watch !== undefined) return;
      watch = new ListWatch<Kept>({
        resource: "vulnerabilityreports",
        client,
        path: COLLECTION,
        project: (object) => ({ report: storedReport(object) }),
        // Its definition tells a type that is not installed from an API server that has not read it yet.
        absent: async (signal) => (await client.request("GET", DEFINITION, { signal })).status === 404,
        log,
        ...(onAlive === undefined ? {} : { onAlive }),
        ...(timing === undefined ? {} : { timing }),
      });
      watch.onChange(moved);
      watch.start();
      void watch.untilSynced().then(onKnown);
    },
    untilKnown: async () => watch?.untilSynced(),
    byDigest: (digest) => (watch?.synced() === true ? [...(byDigest.get(digest)?.values() ?? [])] : undefined),
    stop: end,
  };
};
