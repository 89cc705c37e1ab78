import type { ReportsByDigest } from "../../evidence/scan/sources/reportSource.ts";
import { createSharing } from "../../evidence/scan/sharedVulnerabilities.ts";
import { storedReport, type StoredReport } from "../../evidence/scan/formats/vulnerabilityReport.ts";
import { isDefinitionAbsent } from "../../kube/definition.ts";
import type { KubeClient } from "../../kube/kubeClient.ts";
import type { Log } from "../../kube/log.ts";
import { Reflector, type ReflectorTiming } from "../../kube/cache/reflector.ts";

const COLLECTION = "/apis/aquasecurity.github.io/v1alpha1/vulnerabilityreports";
const DEFINITION = "vulnerabilityreports.aquasecurity.github.io";

/** A report of an image with 500 vulnerabilities is 300 KiB, and none is above 1.5 MiB (etcd): 10 of them are parsed in about 20 ms. */
const PAGE_SIZE = 10;
/** Milliseconds in which changes are gathered: a cluster that is scanned anew changes a thousand reports in a minute. */
const SETTLE_MS = 250;

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
  /** Reports of these digests came, changed or went since the first list; gathered for a moment. */
  readonly onChange: (digests: readonly string[]) => void;
  /** The first list is in: until then every question about a report was open. */
  readonly onKnown: () => void;
  readonly onAlive?: (now: number) => void;
  /** Nobody asks for reports any more: there is no watch to be alive. */
  readonly onEnded?: () => void;
  readonly timing?: Partial<ReflectorTiming>;
}

/** trivy-operator's VulnerabilityReports by digest, watched only while a policy asks for them. */
export const createScanReports = ({
  client,
  log,
  onChange,
  onKnown,
  onAlive,
  onEnded,
  timing,
}: ScanReportsOptions): ScanReports => {
  let watch: Reflector<Kept> | undefined;
  const byDigest = new Map<string, Map<string, StoredReport>>();
  const share = createSharing();
  let changed = new Set<string>();
  let settling: NodeJS.Timeout | undefined;

  const tell = (digest: string): void => {
    if (watch?.synced() !== true) return;
    changed.add(digest);
    settling ??= setTimeout(() => {
      const digests = [...changed];
      changed = new Set();
      settling = undefined;
      onChange(digests);
    }, SETTLE_MS);
    settling.unref();
  };

  const moved = (key: string, before: Kept | undefined, after: Kept | undefined): void => {
    if (before?.report !== undefined) {
      tell(before.report.digest);
      const kept = byDigest.get(before.report.digest);
      kept?.delete(key);
      if (kept?.size === 0) byDigest.delete(before.report.digest);
    }
    if (after?.report !== undefined) {
      tell(after.report.digest);
      const kept = byDigest.get(after.report.digest) ?? new Map<string, StoredReport>();
      byDigest.set(after.report.digest, kept.set(key, after.report));
    }
  };

  const end = async (): Promise<void> => {
    const ending = watch;
    watch = undefined;
    byDigest.clear();
    clearTimeout(settling);
    settling = undefined;
    changed = new Set();
    await ending?.stop();
    if (ending !== undefined && watch === undefined) onEnded?.();
  };

  return {
    want: async (wanted) => {
      if (!wanted) return end();
      if (watch !== undefined) return;
      const current = new Reflector<Kept>({
        resource: "vulnerabilityreports",
        client,
        path: COLLECTION,
        pageSize: PAGE_SIZE,
        project: (object) => ({ report: shared(storedReport(object), share) }),
        // Its definition tells a type that is not installed from an API server that has not read it yet.
        absent: (signal) => isDefinitionAbsent(client, DEFINITION, signal),
        log,
        ...(onAlive === undefined ? {} : { onAlive }),
        ...(timing === undefined ? {} : { timing }),
      });
      watch = current;
      // One that is being stopped may still be in the middle of a page.
      current.onChange((key, before, after) => {
        if (watch === current) moved(key, before, after);
      });
      current.start();
      void current.untilSynced().then(() => {
        if (watch === current) onKnown();
      });
    },
    untilKnown: async () => watch?.untilSynced(),
    byDigest: (digest) => (watch?.synced() === true ? [...(byDigest.get(digest)?.values() ?? [])] : undefined),
    stop: end,
  };
};

/** Images share their bases, and so do reports their vulnerabilities: 10,000 reports are kept in some 50 MiB. */
const shared = (report: StoredReport | undefined, share: ReturnType<typeof createSharing>): StoredReport | undefined =>
  report?.content.status === "ok"
    ? { ...report, content: { status: "ok", report: share(report.content.report) } }
    : report;
