import { createHash, createPublicKey, sign, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { bundleToJSON } from "@sigstore/bundle";
import { CIContextProvider, DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness } from "@sigstore/sign";
import type { IdentityProvider, Signer, Witness } from "@sigstore/sign";
import { IN_TOTO } from "../../evidence/sigstore/find/formats.ts";
import { field, textField } from "../../json/fields.ts";
import { parseText } from "../../json/parse.ts";
import { UsageError } from "../exitCode.ts";
import type { AttestFlags } from "./flags.ts";
import { readPrivateKey } from "./privateKey.ts";

/** Makes a Sigstore bundle (v0.3, JSON) of an in-toto statement. Rejects with UsageError where a service does not do its part. */
export type SignStatement = (statement: object) => Promise<string>;

/** Milliseconds of one exchange; a log of version 2 answers when the entry is in the tree. */
const TIME = { timeout: 30_000, retry: { retries: 2 } };

/** Whoever signs, ready to: the key was read, or there is a token. Throws UsageError where neither can be had. */
export const createSigner = async (flags: AttestFlags, environment: NodeJS.ProcessEnv): Promise<SignStatement> => {
  const { key, fulcioUrl, rekorUrl, rekorVersion = "1", timestampUrl, transparencyLog } = flags;
  const signer =
    key === undefined
      ? new FulcioSigner({
          identityProvider: await identity(flags.identityToken),
          ...at("fulcioBaseURL", fulcioUrl),
          ...TIME,
        })
      : keySigner(readPrivateKey(key, await textOf("--key", key), environment["COSIGN_PASSWORD"] ?? ""));
  const hint = signer instanceof FulcioSigner ? "" : signer.hint;
  const witnesses: Witness[] = [];
  if (transparencyLog)
    witnesses.push(
      new RekorWitness({ majorApiVersion: Number(rekorVersion), ...at("rekorBaseURL", rekorUrl), ...TIME }),
    );
  if (timestampUrl !== undefined) witnesses.push(new TSAWitness({ tsaBaseURL: timestampUrl, ...TIME }));
  const builder = new DSSEBundleBuilder({ signer, witnesses });
  return async (statement) => {
    try {
      const bundle = await builder.create({ data: Buffer.from(JSON.stringify(statement)), type: IN_TOTO });
      const { content } = bundle.verificationMaterial;
      // Where the library writes it, it becomes the envelope's keyid as well, and cosign then finds no signature of its key.
      if (content.$case === "publicKey") content.publicKey.hint = hint;
      return JSON.stringify(bundleToJSON(bundle));
    } catch (error) {
      throw new UsageError(`could not be signed: ${sentence(error)}`);
    }
  };
};

const at = <N extends string>(name: N, url: string | undefined): { readonly [K in N]?: string } =>
  // The computed name is N, which the compiler widens to string.
  (url === undefined ? {} : { [name]: url }) as { readonly [K in N]?: string };

const textOf = async (flag: string, path: string): Promise<string> => {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new UsageError(`${flag} ${path}: cannot be read`, { cause: error });
  }
};

/** Asked once before anything is judged, so that a pipeline without an identity hears of it at once. */
const identity = async (file: string | undefined): Promise<IdentityProvider> => {
  if (file !== undefined) {
    const token = checked((await textOf("--identity-token", file)).trim(), `--identity-token ${file}`);
    return { getToken: async () => token };
  }
  const ofCI = new CIContextProvider("sigstore");
  const token = await ofCI.getToken().catch(() => {
    throw new UsageError(
      "--attest finds nobody to sign as: on GitHub give the job `permissions: {id-token: write}`, on GitLab an id_token SIGSTORE_ID_TOKEN with aud sigstore; elsewhere --identity-token FILE, or --key FILE",
    );
  });
  checked(token, "the token of the CI");
  return ofCI;
};

/** The library's own message for a token that it cannot read has the token in it. */
const checked = (token: string, what: string): string => {
  const [, claims, signature] = /^[\w-]+\.([\w-]+)\.([\w-]*)$/.exec(token) ?? [];
  const said =
    claims === undefined || signature === undefined
      ? undefined
      : parseText(Buffer.from(claims, "base64url").toString("utf8"));
  if (textField(said, "sub") === undefined && textField(said, "email") === undefined)
    throw new UsageError(`${what}: is no OIDC token (a JWT with the claim sub or email)`);
  if (textField(said, "email") !== undefined && field(said, "email_verified") !== true)
    throw new UsageError(`${what}: has a mail address that its issuer did not verify`);
  return token;
};

/** `hint`: by what cosign names a key in a bundle. */
const keySigner = (privateKey: KeyObject): Signer & { readonly hint: string } => {
  const publicKey = createPublicKey(privateKey);
  const pem = publicKey.export({ format: "pem", type: "spki" }).toString();
  // SHA-256 with every curve: cosign 3.1 verifies attestations by keys over no other.
  const hash = privateKey.asymmetricKeyType === "ed25519" ? null : "sha256";
  return {
    hint: createHash("sha256")
      .update(publicKey.export({ format: "der", type: "spki" }))
      .digest("base64"),
    sign: async (data) => ({ signature: sign(hash, data, privateKey), key: { $case: "publicKey", publicKey: pem } }),
  };
};

/** One line of what a service answered; the libraries' messages have no more than its words. */
const sentence = (error: unknown): string => {
  const parts: string[] = [];
  for (let one: unknown = error; one instanceof Error && parts.length < 3; one = one.cause) parts.push(one.message);
  return (parts.length === 0 ? String(error) : [...new Set(parts)].join(": ")).replaceAll(/\s+/g, " ").slice(0, 500);
};
