/** A public key in a key management service, as its URI names it. */
export type KmsKey =
  /** `endpoint`: `host[:port]` of a private endpoint; `keyId`: an id, an ARN or an alias. */
  | { readonly service: "aws"; readonly endpoint?: string; readonly keyId: string; readonly region?: string }
  /** `key`: `projects/.../cryptoKeys/K`; without a version the newest enabled one. */
  | { readonly service: "gcp"; readonly key: string; readonly version?: string }
  /** `vault`: the host, such as `team.vault.azure.net`. */
  | { readonly service: "azure"; readonly vault: string; readonly name: string; readonly version?: string }
  | { readonly service: "vault"; readonly name: string }
  /** A Secret that cosign wrote: `k8s://namespace/name`, key `cosign.pub`. Needs no service. */
  | { readonly service: "k8s"; readonly namespace: string; readonly name: string };

const UUID =
  "(?:mrk-)?[A-Fa-f0-9]{8}-?[A-Fa-f0-9]{4}-?[A-Fa-f0-9]{4}-?[A-Fa-f0-9]{4}-?[A-Fa-f0-9]{12}|mrk-[a-f0-9]{32}";
const ARN = "arn:aws[a-z-]*:kms:([a-z0-9-]+):\\d{12}:";
const AWS = new RegExp(
  `^awskms://([A-Za-z0-9.-]+(?::\\d{1,5})?)?/((?:${UUID})|alias/[A-Za-z0-9/_-]+|${ARN}(?:key/(?:${UUID})|alias/[A-Za-z0-9/_-]+))$`,
);
const SEGMENT = "[A-Za-z0-9][A-Za-z0-9_.:-]*";
const GCP = new RegExp(
  `^gcpkms://(projects/${SEGMENT}/locations/${SEGMENT}/keyRings/${SEGMENT}/cryptoKeys/${SEGMENT})(?:/(?:cryptoKeyVersions|versions)/(\\d+))?$`,
);
const AZURE = /^azurekms:\/\/([A-Za-z0-9.-]+(?::\d{1,5})?)\/([A-Za-z0-9-]+)(?:\/([A-Za-z0-9]+))?$/;
const VAULT = /^(?:hashivault|openbao):\/\/(\w(?:[\w.-]*\w)?)$/;
const K8S = /^k8s:\/\/([a-z0-9]([a-z0-9-]*[a-z0-9])?)\/([a-z0-9][a-z0-9.-]*)$/;

/** Reads a key URI of cosign's forms; undefined where it has none of them. */
export function parseKmsUri(uri: string): KmsKey | undefined {
  const aws = AWS.exec(uri);
  if (aws !== null) {
    const [, endpoint, keyId = "", region] = aws;
    return {
      service: "aws",
      keyId,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
    };
  }
  const gcp = GCP.exec(uri);
  if (gcp !== null) {
    const [, key = "", version] = gcp;
    return { service: "gcp", key, ...(version === undefined ? {} : { version }) };
  }
  const azure = AZURE.exec(uri);
  if (azure !== null) {
    const [, vault = "", name = "", version] = azure;
    return { service: "azure", vault, name, ...(version === undefined ? {} : { version }) };
  }
  const vault = VAULT.exec(uri);
  if (vault !== null) return { service: "vault", name: vault[1] ?? "" };
  const k8s = K8S.exec(uri);
  return k8s === null ? undefined : { service: "k8s", namespace: k8s[1] ?? "", name: k8s[3] ?? "" };
}

/** What to write, for messages. */
export const KMS_FORMS: string =
  "awskms://[ENDPOINT]/ID|ARN|alias/NAME, gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K[/versions/V], " +
  "azurekms://VAULT/KEY[/VERSION], hashivault://KEY, openbao://KEY or k8s://NAMESPACE/SECRET";
