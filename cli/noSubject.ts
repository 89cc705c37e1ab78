import type { Subject } from "../policy/subject/subject.ts";

/** Nobody's pod: only the user's own credentials are meant. */
export const NO_SUBJECT: Subject = {
  kind: "Pod",
  namespace: "",
  namespaceLabels: {},
  labels: {},
  annotations: {},
  template: true,
  serviceAccount: "",
  imagePullSecrets: [],
  images: [],
};
