import { readFileSync } from "node:fs";
import { readList, deltaPlaces } from "../../evidence/notation/revocation/crl.ts";
import { readOcsp } from "../../evidence/notation/revocation/ocsp.ts";
import { placesOf } from "../../evidence/notation/revocation/places.ts";
import { Malformed } from "../../evidence/notation/proof.ts";
import { readCertificate } from "../../evidence/notation/verify/certificate.ts";
import { faultOfChain } from "../../evidence/notation/verify/chain.ts";
import { readCose } from "../../evidence/notation/verify/cose.ts";
import { verifyCandidate } from "../../evidence/notation/verify/verifyCandidate.ts";
import { readJws } from "../../evidence/notation/verify/jws.ts";
import { describeSubject, signerName, subjectMatches } from "../../evidence/notation/verify/subject.ts";
import { readTimestamp } from "../../evidence/notation/verify/timestamp.ts";
import type { Target } from "../../evidence/notation/verify/payload.ts";

/** A root and a leaf of it (DER in base64), the image that nothing here was signed for, and the time (milliseconds). */
interface Trust {
  readonly root: string;
  readonly leaf: string;
  readonly image: Target;
  readonly now: number;
}

// Beside the corpus, which was made with it. From the working directory: what jazzer.js runs is a bundle elsewhere.
const trust = JSON.parse(readFileSync("test/fuzz/trust.json", "utf8")) as Trust;
const [root, leaf] = [Buffer.from(trust.root, "base64"), Buffer.from(trust.leaf, "base64")];
const issuer = readCertificate(root);
const subject = readCertificate(leaf);

const readOrMalformed = (read: () => void): void => {
  try {
    read();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
  }
};

const readAnyCertificate = (der: Buffer): void => {
  const certificate = readCertificate(der);
  if (!der.equals(leaf) && !der.equals(root) && certificate.isSignedBy(issuer.key))
    throw new Error("a certificate was forged");
  describeSubject(certificate);
  signerName(certificate);
  try {
    placesOf(certificate);
    subjectMatches([["C", "US"]], certificate);
    faultOfChain([certificate, issuer], "codeSigning");
  } catch {
    // Extensions that cannot be read: whoever asks takes it for what cannot be told.
  }
};

const examineAny = (format: "jws" | "cose", bytes: Buffer): void => {
  const read = verifyCandidate({
    candidate: { format, bytes },
    image: trust.image,
    signers: [
      {
        key: "k",
        certificates: [root],
        identities: { type: "any" },
        level: "strict",
        revocation: "Check",
      },
    ],
    now: trust.now,
  });
  if (read.status === "read" && [...read.verdicts.values()].some(({ status }) => status === "proved"))
    throw new Error("a signature was forged");
};

const readAnyList = (base: Buffer): void => {
  const { now } = trust;
  const list = readList({ base, issuer: root, serial: subject.serial, places: [], isAuthority: false, now });
  if (list.status === "good") throw new Error("a revocation list was forged");
  try {
    deltaPlaces(base);
  } catch {
    // Likewise.
  }
};

/** The first byte chooses who reads the rest. Throws for what must never be: another error than Malformed, or something that counts. */
export const fuzz = (data: Buffer): void => {
  const [kind, which = 0] = data;
  if (kind === undefined || data.length < 2) return;
  const body = Buffer.from(data.subarray(1));
  switch (kind % 7) {
    case 0:
      return readOrMalformed(() => readJws(body));
    case 1:
      return readOrMalformed(() => readCose(body));
    case 2:
      return readOrMalformed(() => readAnyCertificate(body));
    case 3: {
      const read = readTimestamp(body, Buffer.from("signature"), [issuer]);
      if (read.status === "proved" && read.time !== trust.now) throw new Error("a timestamp was forged");
      return;
    }
    case 4:
      if (readOcsp(body, subject, issuer, trust.now).status === "good") throw new Error("an OCSP answer was forged");
      return;
    case 5:
      return readAnyList(body);
    default:
      return examineAny((which & 1) === 1 ? "jws" : "cose", body.subarray(1));
  }
};
