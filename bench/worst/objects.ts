/** AdmissionReviews as large and as bad as their author can make them, within what the API server takes. */

const many = <T>(count: number, make: (nth: number) => T): T[] => Array.from({ length: count }, (_, nth) => make(nth));
/** As the API server fills it in. */
const container = (nth: number, image: string): object => ({
  name: `c${nth}`,
  image,
  resources: {},
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  imagePullPolicy: "Always",
});
const status = (nth: number): object => ({ name: `x${nth}`, imageID: "", ready: false, restartCount: 0, state: {} });
const review = (object: object, oldObject?: object): Buffer => {
  const request = {
    uid: "00000000-0000-4000-8000-000000000000",
    kind: { group: "", version: "v1", kind: "Pod" },
    resource: { group: "", version: "v1", resource: "pods" },
    name: "worst",
    namespace: "tenant",
    operation: oldObject === undefined ? "CREATE" : "UPDATE",
    userInfo: { username: "tenant", groups: [] },
    object,
    ...(oldObject === undefined ? {} : { oldObject }),
  };
  return Buffer.from(
    `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":${JSON.stringify(request)}}`,
  );
};
const pod = (images: readonly string[], labels: object = {}, statuses = 0): object => ({
  metadata: { labels },
  spec: { containers: images.map((image, nth) => container(nth, image)) },
  status: { containerStatuses: many(statuses, status) },
});

const LONG = many(4, (nth) => "abcdefghij".repeat(nth === 3 ? 4 : 5)).join(".");
/** Hosts of 230 characters, each two edits from one of the policies'. */
const lookalikes = many(1_024, (nth) => `registryx${nth}.${LONG}.company.com/foo`);
/** Paths whose every beginning fits the policies' patterns. */
const paths = many(1_024, (nth) => `r.io/${"a/".repeat(118)}${nth}`);

export const WORST: Readonly<Record<string, Buffer>> = {
  "9,000 containers, 6,000 statuses": review(
    pod(
      many(9_000, () => "a"),
      {},
      6_000,
    ),
  ),
  "1,024 lookalikes of long hosts": review(pod(lookalikes)),
  "1,024 long paths": review(pod(paths)),
  "the same, updated": review(pod(paths, { a: "b" }), pod(many(1_024, () => "a"))),
  "texts of 6.5 MiB": review(
    { ...pod(["a"]), metadata: { annotations: { a: "x".repeat(3_000_000) } } },
    { ...pod(["b"]), metadata: { annotations: { a: "\n".repeat(1_700_000) } } },
  ),
  "20,000 labels": review(pod(["a"], Object.fromEntries(many(19_900, (nth) => [`l${nth}`, ""])))),
  "400,000 labels": review(pod(["a"], Object.fromEntries(many(400_000, (nth) => [`l${nth}`, ""])))),
};
