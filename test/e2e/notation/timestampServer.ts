import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { keyPem, pemOf, type Identity } from "../../unit/evidence/notation/support/pki.ts";

export interface TimestampServer extends AsyncDisposable {
  readonly url: string;
  /** PEM of its root, in a file. */
  readonly rootFile: string;
}

/** An RFC 3161 authority on loopback: `openssl ts` behind HTTP. */
export const startTimestampServer = async (root: Identity, authority: Identity): Promise<TimestampServer> => {
  const directory = mkdtempSync(join(tmpdir(), "tsa-"));
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const rootFile = file("root.crt", pemOf(root));
  const config = file(
    "tsa.cnf",
    `[tsa]
default_tsa = it
[it]
serial = ${file("serial", "01\n")}
signer_cert = ${file("tsa.crt", pemOf(authority))}
signer_key = ${file("tsa.key", keyPem(authority))}
certs = ${rootFile}
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
accuracy = secs:1
clock_precision_digits = 3
ess_cert_id_chain = no
ess_cert_id_alg = sha256
`,
  );
  let asked = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const query = file(`${(asked += 1)}.tsq`, "");
      writeFileSync(query, Buffer.concat(chunks));
      const reply = join(directory, `${asked}.tsr`);
      promisify(execFile)("openssl", ["ts", "-reply", "-config", config, "-queryfile", query, "-out", reply]).then(
        () => response.writeHead(200, { "content-type": "application/timestamp-reply" }).end(readFileSync(reply)),
        () => response.writeHead(500).end(),
      );
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    // A server that listens on a port has an address of this form.
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    rootFile,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true });
    },
  };
};
