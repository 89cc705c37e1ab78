import { createProxyChoice } from "../../evidence/registry/http/proxy.ts";
import type { Log } from "../../kube/log.ts";
import type { Settings } from "../settings/settings.ts";
import { sourceOf } from "./cloudEvent.ts";
import { createDenialSink, type DenialSink } from "./denialSink.ts";
import { createPost } from "./post.ts";

type Told = Pick<
  Settings,
  "denialSink" | "denialSinkHeadersFile" | "denialSinkCa" | "clusterName" | "namespace" | "registry"
>;

/**
 * The collector of denials that the settings name; undefined where they name none. It is the administrator's choice, and
 * often inside the cluster: none of the addresses that images may not lead to is refused here. Rejects where its
 * authorities cannot be read.
 */
export async function startDenialSink(
  settings: Told,
  { now, log }: { readonly now: () => number; readonly log: Log },
): Promise<DenialSink | undefined> {
  const {
    denialSink: url,
    denialSinkHeadersFile: headersFile,
    denialSinkCa: caFile,
    clusterName,
    namespace,
  } = settings;
  if (url === undefined) return undefined;
  const proxy = createProxyChoice(settings.registry.proxy)(new URL(url));
  const post = await createPost({
    url,
    ...(headersFile === undefined ? {} : { headersFile }),
    ...(caFile === undefined ? {} : { caFile }),
    ...(proxy === undefined ? {} : { proxy }),
  });
  return createDenialSink({ post, source: sourceOf(clusterName, namespace), now, log });
}
