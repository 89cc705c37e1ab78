import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allowed } from "../../../../webhook/review/admissionResponse.ts";
import { Callers, type CallersOptions, type CallerSettings } from "../../../../webhook/callers/callers.ts";
import { issueAuthority, issueServing } from "../../../../webhook/certificates/issue.ts";
import { AdmissionServer, type AdmissionServerOptions } from "../../../../webhook/server/server.ts";
import { recordLogger, type RecordedLogger } from "../support/recorders.ts";
import { pod, request, review } from "../support/requests.ts";
import type { ClientPair } from "./clients.ts";

export interface Reply {
  readonly code: number;
  readonly connection: string | undefined;
  readonly text: string;
}

/** A server that asks who is there, on loopback. */
export interface ServerUnderTest extends AsyncDisposable {
  readonly port: number;
  readonly ca: string;
  readonly callers: Callers;
  readonly logger: RecordedLogger;
  /** Writes the file of authorities. */
  readonly trust: (...pem: readonly string[]) => Promise<void>;
  /** Path of that file. */
  readonly file: string;
  /** A client with this certificate that keeps one connection. */
  readonly client: (pair?: ClientPair) => Agent;
  readonly post: (
    agent: Agent,
    options?: { readonly path?: string; readonly method?: string; readonly text?: string },
  ) => Promise<Reply>;
}

const body = review(request("Pod", pod(["nginx"])));

export const startCallers = async (
  authorities: readonly string[],
  settings: Partial<CallerSettings> = {},
  options: Partial<CallersOptions> & { readonly server?: Partial<AdmissionServerOptions>; readonly host?: string } = {},
): Promise<ServerUnderTest> => {
  const folder = await mkdtemp(join(tmpdir(), "callers-"));
  const file = join(folder, "ca.crt");
  const trust = (...pem: readonly string[]): Promise<void> => writeFile(file, pem.join(""));
  await trust(...authorities);
  const logger = recordLogger();
  const { host = "127.0.0.1", server: changes = {}, ...rest } = options;
  const callers = await Callers.open(
    {
      ...(authorities.length === 0 ? {} : { clientCa: file }),
      clientNames: ["apiserver", "apiserver-2"],
      addresses: [],
      action: "Enforce",
      ...settings,
    },
    { logger, now: Date.now, ...rest },
  );
  const authority = await issueAuthority(Date.now());
  const server = new AdmissionServer({
    validate: ({ uid }) => allowed(uid),
    mutate: ({ uid }) => allowed(uid),
    ready: () => true,
    logger,
    deadline: 1_000,
    callers,
    ...changes,
  });
  server.use(await issueServing(authority, ["127.0.0.1", "::1"], Date.now()));
  const port = await server.listen(host, 0);
  const agents: Agent[] = [];
  return {
    port,
    ca: authority.cert,
    callers,
    logger,
    trust,
    file,
    client: (pair) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: authority.cert, ...pair });
      agents.push(agent);
      return agent;
    },
    post: async (agent, { path = "/validate", method = "POST", text = body } = {}) => {
      const sent = httpsRequest({
        host: "127.0.0.1",
        port,
        path,
        method,
        agent,
        headers: { "content-type": "application/json" },
      });
      // Whoever is refused may still be writing.
      sent.on("error", () => undefined);
      const replied = once(sent, "response");
      sent.end(method === "POST" ? text : undefined);
      // What the event carries.
      const [response] = (await replied) as [IncomingMessage];
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      return {
        code: response.statusCode ?? 0,
        connection: response.headers.connection,
        text: Buffer.concat(chunks).toString(),
      };
    },
    [Symbol.asyncDispose]: async () => {
      for (const agent of agents) agent.destroy();
      await server.drain(0);
      callers.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
