import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { sigstoreInstance, type SigstoreInstance } from "../../unit/evidence/sigstore/sigstoreInstance.ts";

/** A whole Sigstore instance behind one address of this machine. */
export interface SigstoreServices {
  readonly url: string;
  readonly instance: SigstoreInstance;
  /** Paths that were asked, in order. */
  readonly asked: string[];
  /** In place of an answer, while it is set. */
  refuses: { readonly path: string; readonly code: number; readonly message: string } | undefined;
  readonly close: () => Promise<void>;
}

export const startSigstoreServices = async (): Promise<SigstoreServices> => {
  const instance = await sigstoreInstance();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push(path);
    void (async () => {
      const body = await text(request);
      const { refuses } = services;
      if (refuses?.path === path) {
        response.writeHead(refuses.code, { "content-type": "application/json" });
        response.end(JSON.stringify({ message: refuses.message }));
        return;
      }
      const answer = await instance.answer(path, body);
      response.writeHead(answer?.statusCode ?? 404, { "content-type": answer?.contentType ?? "text/plain" });
      const { response: said = "" } = answer ?? {};
      response.end(typeof said === "string" ? said : Buffer.from(said.buffer, said.byteOffset, said.byteLength));
    })().catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const services: SigstoreServices = {
    url: `http://127.0.0.1:${port}`,
    instance,
    asked,
    refuses: undefined,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return services;
};

/** An OIDC token as a CI gives it; the mocked Fulcio does not look at its signature. */
export const identityToken = (claims: Readonly<Record<string, unknown>>): string =>
  [{ alg: "none" }, claims, "signature"]
    .map((part) => Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url"))
    .join(".");
