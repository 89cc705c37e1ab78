import { hashed } from "./images.ts";

/**
 * AdmissionReviews for pods as a ReplicaSet makes them, 5 KiB each as JSON, with two containers. Every pod has a name and
 * a uid of its own, so that nothing can be recognised from the request before.
 */
export const podReviews = (images: readonly string[], count: number): readonly Buffer[] =>
  Array.from({ length: count }, (_, index) => {
    const name = `checkout-6d9f7c5b8d-${hashed(String(index), 5)}`;
    return Buffer.from(
      JSON.stringify({
        apiVersion: "admission.k8s.io/v1",
        kind: "AdmissionReview",
        request: {
          uid: `${hashed(`uid${index}`, 8)}-0000-4000-8000-000000000000`,
          kind: { group: "", version: "v1", kind: "Pod" },
          resource: { group: "", version: "v1", resource: "pods" },
          requestKind: { group: "", version: "v1", kind: "Pod" },
          requestResource: { group: "", version: "v1", resource: "pods" },
          name,
          namespace: "shop",
          operation: "CREATE",
          userInfo: {
            username: "system:serviceaccount:kube-system:replicaset-controller",
            uid: "2f0c5a3e-3f0a-4a55-9a0e-000000000000",
            groups: ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
          },
          object: pod(name, images),
          oldObject: null,
          dryRun: false,
          options: { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1" },
        },
      }),
    );
  });

/** A pod as a ReplicaSet makes it, with a container for each image. */
export const pod = (name: string, images: readonly string[]): object => ({
  kind: "Pod",
  apiVersion: "v1",
  metadata: {
    name,
    generateName: "checkout-6d9f7c5b8d-",
    namespace: "shop",
    uid: `${hashed(name, 8)}-1111-4111-8111-111111111111`,
    creationTimestamp: "2026-08-01T10:00:00Z",
    labels: {
      "app.kubernetes.io/name": "checkout",
      "app.kubernetes.io/part-of": "shop",
      "app.kubernetes.io/version": "1.42.0",
      "pod-template-hash": "6d9f7c5b8d",
      tier: "web",
    },
    annotations: {
      "prometheus.io/scrape": "true",
      "prometheus.io/port": "9090",
      "kubectl.kubernetes.io/restartedAt": "2026-08-01T09:59:00Z",
    },
    ownerReferences: [
      {
        apiVersion: "apps/v1",
        kind: "ReplicaSet",
        name: "checkout-6d9f7c5b8d",
        uid: "0b7e1fd0-0000-4000-8000-000000000000",
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
    managedFields: [
      {
        manager: "kube-controller-manager",
        operation: "Update",
        apiVersion: "v1",
        time: "2026-08-01T10:00:00Z",
        fieldsType: "FieldsV1",
        fieldsV1: {
          "f:metadata": { "f:labels": { ".": {}, "f:tier": {} } },
          "f:spec": { "f:containers": {}, "f:dnsPolicy": {} },
        },
      },
    ],
  },
  spec: {
    volumes: [
      { name: "config", configMap: { name: "checkout", defaultMode: 420 } },
      { name: "tmp", emptyDir: {} },
      {
        name: "kube-api-access-x2x9q",
        projected: { sources: [{ serviceAccountToken: { expirationSeconds: 3607, path: "token" } }], defaultMode: 420 },
      },
    ],
    containers: images.map((image, index) => container(index, image)),
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    dnsPolicy: "ClusterFirst",
    serviceAccountName: "checkout",
    serviceAccount: "checkout",
    securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
    schedulerName: "default-scheduler",
    tolerations: [
      { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
      { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
    ],
    priority: 0,
    enableServiceLinks: true,
    preemptionPolicy: "PreemptLowerPriority",
  },
  status: { phase: "Pending", qosClass: "Burstable" },
});

const container = (index: number, image: string): object => ({
  name: `c${index}`,
  image,
  args: ["--listen=:8080", "--config=/etc/checkout/config.yaml", "--log-format=json"],
  ports: [
    { name: `http-${index}`, containerPort: 8080 + index, protocol: "TCP" },
    { name: `metrics-${index}`, containerPort: 9090 + index, protocol: "TCP" },
  ],
  env: [
    { name: "POD_NAME", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } } },
    { name: "POD_NAMESPACE", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } } },
    { name: "DATABASE_URL", valueFrom: { secretKeyRef: { name: "checkout-db", key: "url" } } },
    { name: "CACHE_HOST", value: "redis.shop.svc.cluster.local:6379" },
    { name: "OTEL_EXPORTER_OTLP_ENDPOINT", value: "http://otel-collector.observability.svc:4317" },
  ],
  resources: { limits: { memory: "512Mi" }, requests: { cpu: "100m", memory: "256Mi" } },
  volumeMounts: [
    { name: "config", readOnly: true, mountPath: "/etc/checkout" },
    { name: "tmp", mountPath: "/tmp" },
    { name: "kube-api-access-x2x9q", readOnly: true, mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" },
  ],
  livenessProbe: {
    httpGet: { path: "/healthz", port: `http-${index}`, scheme: "HTTP" },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  },
  readinessProbe: {
    httpGet: { path: "/readyz", port: `http-${index}`, scheme: "HTTP" },
    timeoutSeconds: 1,
    periodSeconds: 5,
    successThreshold: 1,
    failureThreshold: 3,
  },
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  imagePullPolicy: "IfNotPresent",
  securityContext: { capabilities: { drop: ["ALL"] }, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
});
