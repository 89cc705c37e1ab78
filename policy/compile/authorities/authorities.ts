import { createHash } from "node:crypto";
import type { Authority, KeySource, TrustRoot } from "../../../crds/types.ts";
import type {
  AuthoritySet,
  CompiledAuthority,
  CompiledIdentity,
  TrustedKey,
  TrustRootSource,
} from "../../authority.ts";
import { parseReference } from "../../image/reference.ts";
import { readReference, readText, type ReadText } from "../dataSource.ts";
import type { PolicyFault } from "../faults.ts";
import { compileIdentity } from "./identities.ts";
import { KMS_FORMS, parseKmsUri } from "./kmsUri.ts";
import { compileNotation, settingsOf } from "./notation.ts";
import { parsePublicKeys } from "./publicKeys.ts";
import type { Resolve } from "../resolve.ts";
import { fault, ok, type Result } from "../result.ts";
import { presetTrustRoot } from "./presetTrustRoot.ts";
import { checkTrustRoot, type TrustRootNeeds } from "./trustRoot.ts";
import { joinTrustRoots } from "./trustRootLines.ts";
import { field } from "../../../json/fields.ts";
import { parseText } from "../../../json/parse.ts";

/** What became of a policy's authorities: each compiled, or with the fault that its users then carry. */
export interface CompiledAuthorities {
  /** By name, in the order of the policy. */
  readonly authorities: ReadonlyMap<string, CompiledAuthority>;
  /** The first fault of each authority that did not compile, by name. */
  readonly faulty: ReadonlyMap<string, PolicyFault>;
}

/** Compiles `spec.authorities`. A fault takes out its authority only: the policy stays in force with the others. */
export function compileAuthorities(specs: readonly Authority[], resolve: Resolve): CompiledAuthorities {
  const authorities = new Map<string, CompiledAuthority>();
  const faulty = new Map<string, PolicyFault>();
  for (const [index, spec] of specs.entries()) {
    const path = `spec.authorities[${index}]`;
    const result =
      authorities.has(spec.name) || faulty.has(spec.name)
        ? fault("InvalidSpec", `${path}.name`, `the authority ${spec.name} is there twice`)
        : compileAuthority(spec, path, resolve);
    if (result.status === "ok") authorities.set(spec.name, result.value);
    else {
      // Of two with one name neither is in force: which one was meant is not ours to guess.
      authorities.delete(spec.name);
      faulty.set(spec.name, result.fault);
    }
  }
  return { authorities, faulty };
}

/** The authorities that a rule names; a name that the policy does not define is a fault of its own. */
export function authoritySet(names: readonly string[], { authorities, faulty }: CompiledAuthorities): AuthoritySet {
  const unknown = (name: string): string => faulty.get(name)?.message ?? "is not among spec.authorities";
  const distinct = [...new Set(names)];
  return {
    trusted: distinct.flatMap((name) => authorities.get(name) ?? []),
    faulty: distinct.filter((name) => !authorities.has(name)).map((name) => ({ name, message: unknown(name) })),
  };
}

/**
 * For rules that count attestations: notation makes none, and waiting for some would refuse every image without a word
 * why.
 */
export function attestingSet(names: readonly string[], compiled: CompiledAuthorities): AuthoritySet {
  const { trusted, faulty } = authoritySet(names, compiled);
  const silent = trusted.filter(({ type }) => type === "notation");
  return {
    trusted: trusted.filter(({ type }) => type !== "notation"),
    faulty: [
      ...faulty,
      ...silent.map(({ name }) => ({ name, message: "is an authority of notation, which makes no attestations" })),
    ],
  };
}

function compileAuthority(spec: Authority, path: string, resolve: Resolve): Result<CompiledAuthority> {
  const kinds = [spec.key, spec.keyless, spec.notation].filter((kind) => kind !== undefined);
  if (kinds.length !== 1) return fault("InvalidSpec", path, "write exactly one of key, keyless and notation");
  const repository = compileRepository(spec.repository, `${path}.repository`);
  if (repository.status === "fault") return repository;
  const place = repository.value === undefined ? {} : { repository: repository.value };
  if (spec.notation !== undefined) {
    const trust = compileNotation(spec.notation, `${path}.notation`, resolve);
    if (trust.status === "fault") return trust;
    const id = hash(["notation", settingsOf(trust.value), repository.value ?? null]);
    return ok({ name: spec.name, id, ...trust.value, ...place });
  }

  const transparencyLog = spec.transparencyLog ?? "Required";
  const sct = spec.keyless?.sct ?? "Required";
  const needs: TrustRootNeeds = {
    certificateAuthorities: spec.keyless !== undefined,
    certificateLogs: spec.keyless !== undefined && sct === "Required",
    transparencyLogs: transparencyLog === "Required",
    timestampAuthorities: spec.keyless !== undefined && transparencyLog === "Ignored",
  };
  const trustRoot = compileTrustRoot(spec.trustRoot, needs, `${path}.trustRoot`, resolve);
  if (trustRoot.status === "fault") return trustRoot;
  const annotations = sorted(spec.annotations ?? {});
  const common = {
    name: spec.name,
    transparencyLog,
    trustRoot: trustRoot.value,
    annotations,
    ...place,
  } as const;
  const settings = [transparencyLog, trustRoot.value, annotations, repository.value ?? null];

  if (spec.keyless !== undefined) {
    const identities = compileIdentities(spec.keyless.identities, `${path}.keyless.identities`);
    if (identities.status === "fault") return identities;
    const written = spec.keyless.identities.map((one) =>
      sorted({ ...one, claims: JSON.stringify(sorted(one.claims ?? {})) }),
    );
    return ok({
      type: "keyless",
      id: hash(["keyless", written, sct, ...settings]),
      identities: identities.value,
      sct,
      ...common,
    });
  }
  const key = compileKey(spec.key ?? {}, `${path}.key`, resolve);
  if (key.status === "fault") return key;
  const material = key.value.kms ?? key.value.keys.map(({ fingerprint }) => fingerprint).toSorted();
  return ok({ type: "key", id: hash(["key", material, ...settings]), ...key.value, ...common });
}

function compileKey(
  { secretRef, configMapRef, pem, kms }: KeySource,
  path: string,
  resolve: Resolve,
): Result<{ readonly keys: readonly TrustedKey[]; readonly kms?: string }> {
  const given = [secretRef, configMapRef, pem, kms].filter((one) => one !== undefined);
  if (given.length !== 1)
    return fault("InvalidSpec", path, "write exactly one of secretRef, configMapRef, pem and kms");
  if (kms === undefined) {
    const source = {
      ...(secretRef && { secretRef }),
      ...(configMapRef && { configMapRef }),
      ...(pem !== undefined && { inline: pem }),
    };
    return keysOf(readText(source, path, resolve, "secretRef, configMapRef, pem and kms"));
  }
  const uri = parseKmsUri(kms);
  if (uri === undefined) return fault("KeyInvalid", `${path}.kms`, `is not the URI of a key; expected ${KMS_FORMS}`);
  if (uri.service !== "k8s") return ok({ keys: [], kms });
  const reference = { namespace: uri.namespace, name: uri.name, key: "cosign.pub" };
  return keysOf(readReference("Secret", reference, `${path}.kms`, resolve));
}

function keysOf(read: ReadText): Result<{ readonly keys: readonly TrustedKey[] }> {
  if (read.status === "fault") return read;
  const parsed = parsePublicKeys(read.text);
  return parsed.status === "ok" ? ok({ keys: parsed.keys }) : fault("KeyInvalid", read.path, parsed.message);
}

function compileIdentities(
  specs: readonly Parameters<typeof compileIdentity>[0][],
  path: string,
): Result<readonly CompiledIdentity[]> {
  if (specs.length === 0)
    return fault("InvalidSpec", path, "name at least one identity: without one nobody is trusted");
  const identities: CompiledIdentity[] = [];
  for (const [index, spec] of specs.entries()) {
    const result = compileIdentity(spec, `${path}[${index}]`);
    if (result.status === "fault") return result;
    identities.push(result.identity);
  }
  return ok(identities);
}

function compileTrustRoot(
  spec: TrustRoot | undefined,
  needs: TrustRootNeeds,
  path: string,
  resolve: Resolve,
): Result<TrustRootSource> {
  if (spec === undefined) return ok({ type: "publicGood" });
  const { tuf, preset, ...document } = spec;
  const fields = "secretRef, configMapRef, inline, tuf and preset";
  if (preset !== undefined) {
    return tuf !== undefined || Object.values(document).some((one) => one !== undefined)
      ? fault("InvalidSpec", path, `write exactly one of ${fields}`)
      : presetTrustRoot(preset, needs, `${path}.preset`);
  }
  if (tuf === undefined) {
    const read = readText(document, path, resolve, fields);
    if (read.status === "fault") return read;
    const json = joinTrustRoots(withoutMark(read.text));
    const wrong = checkTrustRoot(json, needs);
    return wrong === undefined
      ? ok({ type: "document", json })
      : fault("TrustRootInvalid", read.path, `trusted_root.json ${wrong}`);
  }
  if (Object.values(document).some((one) => one !== undefined))
    return fault("InvalidSpec", path, `write exactly one of ${fields}`);
  const mirror = tuf.mirror.replace(/\/+$/, "");
  const url = URL.canParse(mirror) ? new URL(mirror) : undefined;
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== "" ||
    url.password !== "" ||
    url.search !== "" ||
    url.hash !== ""
  )
    return fault(
      "TrustRootInvalid",
      `${path}.tuf.mirror`,
      "is not the address of a TUF repository, such as https://tuf.company.com",
    );
  const read = readText(tuf.root, `${path}.tuf.root`, resolve, "secretRef, configMapRef and inline");
  if (read.status === "fault") return read;
  const root = withoutMark(read.text);
  return isTufRoot(root)
    ? ok({ type: "tuf", mirror, root })
    : fault("TrustRootInvalid", read.path, "is not a root.json of a TUF repository");
}

/** Some editors begin a file with a byte order mark, which JSON does not have. */
function withoutMark(text: string): string {
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

function isTufRoot(text: string): boolean {
  return field(field(parseText(text), "signed"), "_type") === "root";
}

function compileRepository(written: string | undefined, path: string): Result<string | undefined> {
  if (written === undefined) return ok(undefined);
  const parsed = parseReference(written);
  if (parsed.status !== "ok") return fault("InvalidSpec", path, parsed.message);
  return parsed.reference.tag === undefined && parsed.reference.digest === undefined
    ? ok(parsed.reference.name)
    : fault("InvalidSpec", path, "is an image; write host/repository without tag and digest");
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function hash(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
