import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { ServerResponse } from "node:http";

export interface PodServer {
  readonly port: number;
  /** Changes the image of one pod. */
  readonly touch: () => void;
  readonly close: () => Promise<void>;
}

const NAMESPACES = 300;

/** As much of an API server as the audit needs: pods in pages and a watch on them, namespaces, Violations that it forgets. */
export async function servePods({
  pods,
  images,
}: {
  readonly pods: number;
  readonly images: number;
}): Promise<PodServer> {
  const watches: ServerResponse[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://server");
    if (request.method !== "GET") {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const sent = JSON.parse(Buffer.concat(chunks).toString()) as { metadata?: object };
        reply(response, 201, { ...sent, metadata: { ...sent.metadata, uid: "made", resourceVersion: "2000000" } });
      });
      return;
    }
    if (url.searchParams.get("watch") === "true") {
      response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
      if (url.pathname === "/api/v1/pods") watches.push(response);
      return;
    }
    const limit = Number(url.searchParams.get("limit"));
    const from = Number(url.searchParams.get("continue") ?? 0);
    const [total, make] =
      url.pathname === "/api/v1/pods"
        ? [pods, (index: number) => wholePod(index, pods, images)]
        : url.pathname === "/api/v1/namespaces"
          ? [NAMESPACES, namespace]
          : [0, namespace];
    const items = Array.from({ length: Math.min(limit, total - from) }, (_, index) => make(from + index));
    const more = from + limit < total ? { continue: String(from + limit) } : {};
    reply(response, 200, { kind: "List", metadata: { resourceVersion: "1000000", ...more }, items });
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    // A TCP server's address is never a pipe's name.
    port: (server.address() as AddressInfo).port,
    touch: () => {
      const pod = wholePod(4_711, pods, images, "1000001");
      pod.spec.containers[0] = { ...pod.spec.containers[0], image: "docker.io/library/nginx:changed" };
      for (const watch of watches) watch.write(`${JSON.stringify({ type: "MODIFIED", object: pod })}\n`);
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

const namespace = (index: number): object => ({
  metadata: { name: `team-${index}`, uid: `namespace-${index}`, labels: { env: index % 3 === 0 ? "prod" : "dev" } },
});

interface WholePod {
  readonly metadata: object;
  readonly spec: { readonly containers: object[]; readonly [name: string]: unknown };
  readonly status: object;
}

/** A pod of about 6 KiB: two containers, probes, volumes, statuses, managed fields. Every pod has labels of its own; one in twenty has a tag only. */
function wholePod(index: number, pods: number, images: number, resourceVersion = "900000"): WholePod {
  // A list comes in the order of names: the pods of one template come together.
  const image = Math.floor(index / Math.max(1, pods / images));
  const digest = `sha256:${image.toString(16).padStart(64, "0")}`;
  const name = `app-${image}-${index.toString(36)}`;
  const main =
    image % 20 === 0 ? `registry.company.com/team/app-${image}:v1` : `registry.company.com/team/app-${image}@${digest}`;
  const probe = {
    httpGet: { path: "/healthz", port: 8080, scheme: "HTTP" },
    periodSeconds: 10,
    timeoutSeconds: 1,
    successThreshold: 1,
    failureThreshold: 3,
  };
  const container = (containerName: string, reference: string): object => ({
    name: containerName,
    image: reference,
    ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
    env: Array.from({ length: 12 }, (_, n) => ({ name: `SETTING_${n}`, value: `value ${n} of ${containerName}` })),
    resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "100m", memory: "256Mi" } },
    volumeMounts: [
      { name: "kube-api-access", readOnly: true, mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" },
    ],
    livenessProbe: probe,
    readinessProbe: probe,
    terminationMessagePath: "/dev/termination-log",
    imagePullPolicy: "IfNotPresent",
    securityContext: { runAsNonRoot: true, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
  });
  const sidecar = `registry.company.com/mesh/proxy@sha256:${"e".repeat(64)}`;
  const running = (containerName: string, reference: string, of: string): object => ({
    name: containerName,
    state: { running: { startedAt: "2026-01-01T00:00:00Z" } },
    ready: true,
    restartCount: 0,
    image: reference,
    imageID: `registry.company.com/x@${of}`,
    containerID: `containerd://${"c".repeat(64)}`,
    started: true,
  });
  return {
    metadata: {
      name,
      namespace: `team-${image % NAMESPACES}`,
      uid: `${index.toString(16).padStart(8, "0")}-0000-4000-8000-000000000000`,
      resourceVersion,
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: {
        app: `app-${image}`,
        "pod-template-hash": image.toString(36),
        // Pods of a StatefulSet differ in their labels; one application in ten is one.
        ...(image % 10 === 0 ? { "apps.kubernetes.io/pod-index": String(index) } : {}),
      },
      annotations: { "kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z", checksum: "a".repeat(64) },
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "ReplicaSet", name: `app-${image}`, uid: `rs-${image}`, controller: true },
      ],
      managedFields: Array.from({ length: 3 }, (_, n) => ({
        manager: `manager-${n}`,
        operation: "Update",
        fieldsV1: Object.fromEntries(
          Array.from({ length: 12 }, (_unused, f) => [`f:field-${f}`, { "f:a": {}, "f:b": {} }]),
        ),
      })),
    },
    spec: {
      containers: [container("main", main), container("proxy", sidecar)],
      volumes: [
        {
          name: "kube-api-access",
          projected: { sources: [{ serviceAccountToken: { expirationSeconds: 3607, path: "token" } }] },
        },
      ],
      serviceAccountName: `app-${image % 50}`,
      nodeName: `node-${index % 500}`,
      tolerations: [
        { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
      ],
    },
    status: {
      phase: "Running",
      conditions: ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map((type) => ({
        type,
        status: "True",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      })),
      containerStatuses: [running("main", main, digest), running("proxy", sidecar, `sha256:${"e".repeat(64)}`)],
    },
  };
}
