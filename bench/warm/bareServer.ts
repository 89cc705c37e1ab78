/** What any webhook in Node costs at least: node:https, the body parsed, the request allowed. */
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { serve } from "./child.ts";

serve(async ({ cert, key }) => {
  const server = createServer({ cert, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const review = JSON.parse(Buffer.concat(chunks).toString("utf8"));
      const answer = JSON.stringify({
        apiVersion: "admission.k8s.io/v1",
        kind: "AdmissionReview",
        response: { uid: review.request.uid, allowed: true },
      });
      response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(answer) });
      response.end(answer);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // Listens on TCP.
  return (server.address() as AddressInfo).port;
});
