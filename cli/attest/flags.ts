import { InvalidArgumentError, Option, type Command } from "commander";
import { UsageError } from "../exitCode.ts";

/** Who signs what passed, and the services that know of it. */
export interface AttestFlags {
  readonly attest: boolean;
  readonly key?: string;
  readonly identityToken?: string;
  readonly fulcioUrl?: string;
  readonly rekorUrl?: string;
  readonly rekorVersion?: "1" | "2";
  readonly timestampUrl?: string;
  /** Commander's name for `--no-transparency-log`. */
  readonly transparencyLog: boolean;
}

/** An identity token and everything that a log keeps goes there: in the clear only on this machine. */
const serviceUrl = (text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const local = url !== undefined && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url === undefined || !(url.protocol === "https:" || (url.protocol === "http:" && local)))
    throw new InvalidArgumentError("Write https://HOST.");
  if (url.username !== "" || url.search !== "" || url.hash !== "")
    throw new InvalidArgumentError("Write scheme, host, port and path only.");
  return url.href.replace(/\/+$/, "");
};

export const addAttestFlags = (command: Command): Command =>
  command
    .option("--attest", "publish a signed SLSA verification summary of each image that passed, beside the image", false)
    .option("--key <file>", "sign with this private key; without it keyless, as whom the pipeline's own token says")
    .option("--identity-token <file>", "the OIDC token of the signer; without it that of the CI (or SIGSTORE_ID_TOKEN)")
    .option("--fulcio-url <url>", "who certifies the signer (default: Sigstore's public good instance)", serviceUrl)
    .option("--rekor-url <url>", "the transparency log (default: Sigstore's public good instance)", serviceUrl)
    .addOption(
      new Option("--rekor-version <version>", "API of the log; 2 gives no time, so give --timestamp-url").choices([
        "1",
        "2",
      ]),
    )
    .option("--no-transparency-log", "upload to no log")
    .option("--timestamp-url <url>", "a timestamp authority (RFC 3161)", serviceUrl);

/** Throws UsageError for flags that do nothing, or whose result nobody could verify. */
export const demandSense = (flags: AttestFlags): void => {
  const { attest, key, identityToken, fulcioUrl, rekorUrl, rekorVersion, timestampUrl, transparencyLog } = flags;
  const signing = {
    "--key": key,
    "--identity-token": identityToken,
    "--fulcio-url": fulcioUrl,
    "--rekor-url": rekorUrl,
    "--rekor-version": rekorVersion,
    "--timestamp-url": timestampUrl,
    "--no-transparency-log": transparencyLog ? undefined : "",
  };
  const [unused] = Object.entries(signing).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
  if (!attest && unused !== undefined)
    throw new UsageError(`${unused} is about what --attest publishes: give both, or neither`);
  if (key !== undefined && (identityToken ?? fulcioUrl) !== undefined)
    throw new UsageError("--key signs with a key, --identity-token and --fulcio-url without one: give one of them");
  if (!transparencyLog && (rekorUrl ?? rekorVersion) !== undefined)
    throw new UsageError("--no-transparency-log and --rekor-url say opposite things: give one of them");
  if (key !== undefined && rekorVersion === "2")
    throw new UsageError("--rekor-version 2 is there for keyless signing only: with --key, give a log of version 1");
  if (attest && key === undefined && timestampUrl === undefined && (!transparencyLog || rekorVersion === "2"))
    throw new UsageError(
      "nothing would say when this was signed, and a keyless certificate lives for ten minutes: give --timestamp-url",
    );
};
