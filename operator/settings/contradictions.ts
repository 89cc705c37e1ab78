import type * as EVIDENCE from "./options/evidence.ts";
import type * as OPERATOR from "./options/operator.ts";
import type * as PROOFS from "./options/proofs.ts";
import type * as REPORTING from "./options/reporting.ts";
import type * as WEBHOOK from "./options/webhook.ts";
import type { Values } from "./setting.ts";

type Told = Values<typeof OPERATOR & typeof WEBHOOK & typeof EVIDENCE & typeof PROOFS & typeof REPORTING>;

/** Settings that are right alone and wrong together; a line for each, with what to write. */
export function contradictions(values: Told): readonly string[] {
  const messages: string[] = [];
  const { leaseDuration, leaseRenewDeadline, leaseRetry } = values;
  if (leaseRenewDeadline >= leaseDuration) {
    messages.push("--lease-renew-deadline must be shorter than --lease-duration, such as 10s and 15s");
  }
  if (leaseRetry >= leaseRenewDeadline) {
    messages.push("--lease-retry must be shorter than --lease-renew-deadline, such as 2s and 10s");
  }
  if (values.webhookUrl !== undefined && values.webhookService !== undefined) {
    messages.push("--webhook-url and --webhook-service exclude each other; give one of them");
  }
  messages.push(...callerContradictions(values), ...sinkContradictions(values));
  if (values.vaultTokenFile !== undefined && values.vaultRole !== undefined) {
    messages.push("--vault-token-file and --vault-role exclude each other; give one of them");
  }
  return messages;
}

function sinkContradictions({ denialSink, denialSinkHeadersFile, denialSinkCa }: Told): readonly string[] {
  const messages: string[] = [];
  if (denialSink === undefined) {
    if (denialSinkHeadersFile !== undefined) messages.push("--denial-sink-headers-file needs --denial-sink; give both");
    if (denialSinkCa !== undefined) messages.push("--denial-sink-ca needs --denial-sink; give both");
    return messages;
  }
  const { protocol, hostname } = new URL(denialSink);
  if (protocol === "https:") return messages;
  if (denialSinkCa !== undefined) messages.push("--denial-sink-ca needs an https:// URL in --denial-sink");
  if (denialSinkHeadersFile !== undefined && !LOOPBACK.test(hostname)) {
    messages.push(
      "--denial-sink-headers-file holds secrets, which http:// would show; write an https:// URL in --denial-sink",
    );
  }
  return messages;
}

/** A collector beside the operator, in its Pod. */
const LOOPBACK = /^(localhost|127(\.[0-9]+){3}|\[::1\])$/;

function callerContradictions(values: Told): readonly string[] {
  const { webhookClientCa, webhookClientNames, webhookCallers, webhookAuthenticationAction } = values;
  const messages: string[] = [];
  if ((webhookClientCa === undefined) !== (webhookClientNames.length === 0)) {
    messages.push(
      "--webhook-client-ca and --webhook-client-names belong together: whose certificates, and which of them; give both or none",
    );
  }
  const enforces = webhookAuthenticationAction === "Enforce";
  if (enforces && webhookClientCa === undefined) {
    messages.push("--webhook-authentication-action=Enforce needs --webhook-client-ca and --webhook-client-names");
  }
  if (values.readPullSecrets && !enforces && webhookCallers.length === 0 && !values.acceptAnyWebhookCaller) {
    messages.push(
      "--read-pull-secrets lets whoever can reach the webhook ask registries with any namespace's pull secrets; give " +
        "--webhook-client-ca, --webhook-client-names and --webhook-authentication-action=Enforce, or --webhook-callers " +
        "with the API servers' addresses, or, where nobody else reaches the webhook, --accept-any-webhook-caller",
    );
  }
  return messages;
}
