import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { acrToken, exchangeForRefreshToken } from "../../../../evidence/registry/auth/cloud/acr.ts";
import { artifactRegistryToken } from "../../../../evidence/registry/auth/cloud/artifactRegistry.ts";
import { ecrToken } from "../../../../evidence/registry/auth/cloud/ecr.ts";

interface Cloud {
  readonly url: string;
  readonly host: string;
  readonly seen: string[];
  readonly server: Server;
}

type Answer = (
  request: IncomingMessage,
  body: string,
) => { readonly status?: number; readonly headers?: Record<string, string>; readonly json: unknown };

/** A stand-in for a cloud's endpoints, on loopback. */
async function startCloud(answer: Answer): Promise<Cloud> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      seen.push(`${request.method} ${request.url} ${body}`);
      const { status = 200, headers = {}, json } = answer(request, body);
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(json));
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  // It listens on TCP, so its address is an object.
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: `http://${host}`, host, seen, server };
}

/** The libraries read where they run from the environment. */
async function withEnvironment<T>(variables: Readonly<Record<string, string>>, work: () => Promise<T>): Promise<T> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  try {
    return await work();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

const ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const soon = (): AbortSignal => AbortSignal.timeout(8_000);

describe("the clouds' own libraries, against stand-ins on loopback", () => {
  let cloud: Cloud | undefined;
  afterEach(() => {
    cloud?.server.closeAllConnections();
    cloud?.server.close();
  });

  it("ECR: the account and the region of the host, user and password", async () => {
    const expiresAt = Math.floor(Date.now() / 1000) + 43_200;
    const authorizationToken = Buffer.from("AWS:ecr-password").toString("base64");
    cloud = await startCloud(() => ({
      headers: { "content-type": "application/x-amz-json-1.1" },
      json: { authorizationData: [{ authorizationToken, expiresAt, proxyEndpoint: `https://${ECR}` }] },
    }));
    const aws = {
      AWS_ENDPOINT_URL_ECR: cloud.url,
      AWS_ACCESS_KEY_ID: "id",
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_EC2_METADATA_DISABLED: "true",
    };
    const token = await withEnvironment(aws, async () => ecrToken(ECR, soon()));
    assert.deepEqual(token.credential, { username: "AWS", password: "ecr-password" });
    assert.equal(token.expires, expiresAt * 1000);
    assert.match(cloud.seen[0] ?? "", /123456789012/);
  });

  it("ECR: no token is an error", async () => {
    cloud = await startCloud(() => ({ json: { authorizationData: [] } }));
    const aws = { AWS_ENDPOINT_URL_ECR: cloud.url, AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret" };
    await withEnvironment(aws, async () => assert.rejects(ecrToken(ECR, soon()), /no token/));
  });

  it("Artifact Registry: a token of the metadata server, and until when it is good", async () => {
    cloud = await startCloud(({ url }) => ({
      headers: { "metadata-flavor": "Google" },
      json:
        url?.includes("/token") === true ? { access_token: "google-token", expires_in: 300, token_type: "Bearer" } : {},
    }));
    const google = {
      GCE_METADATA_HOST: cloud.host,
      METADATA_SERVER_DETECTION: "assume-present",
      GOOGLE_CLOUD_PROJECT: "p",
    };
    const token = await withEnvironment(google, async () => artifactRegistryToken("europe-docker.pkg.dev"));
    assert.deepEqual(token.credential, { username: "oauth2accesstoken", password: "google-token" });
    // The metadata server gives out what it has: here one with five minutes left.
    assert.ok(token.expires <= Date.now() + 300_000, `${token.expires - Date.now()}`);
  }).timeout(20_000);

  it("ACR: an Entra token is exchanged at the registry for its own", async () => {
    cloud = await startCloud((_, body) =>
      body.includes("access_token=entra") && body.includes("service=team.azurecr.io")
        ? { json: { refresh_token: "acr-refresh" } }
        : { status: 401, json: {} },
    );
    const token = await exchangeForRefreshToken(cloud.url, "team.azurecr.io", "entra", soon());
    assert.deepEqual(token.credential, { username: "00000000-0000-0000-0000-000000000000", password: "acr-refresh" });
    await assert.rejects(exchangeForRefreshToken(cloud.url, "team.azurecr.io", "other", soon()), /status 401/);
  });

  it("ACR: a redirect is not followed with the token", async () => {
    const thief = await startCloud(() => ({ json: { refresh_token: "x" } }));
    cloud = await startCloud(() => ({ status: 307, headers: { location: `${thief.url}/oauth2/exchange` }, json: {} }));
    await assert.rejects(exchangeForRefreshToken(cloud.url, "team.azurecr.io", "entra", soon()));
    assert.deepEqual(thief.seen, []);
    thief.server.close();
  });

  it("ACR: without an identity there is no token", async () => {
    cloud = await startCloud(() => ({ status: 400, json: { error: "invalid_request" } }));
    const azure = {
      AZURE_TOKEN_CREDENTIALS: "ManagedIdentityCredential",
      IDENTITY_ENDPOINT: cloud.url,
      IDENTITY_HEADER: "header",
    };
    await withEnvironment(azure, async () => assert.rejects(acrToken("team.azurecr.io", AbortSignal.timeout(3_000))));
  }).timeout(20_000);
});
