/** What `sandbox/controlplane/go.mod` pins; a test keeps the two together. */
export const kubernetesVersion = "1.36.3";

/** When Kubernetes `kubernetesVersion` was released: the build date of our binaries, so that a build can be repeated bit by bit. */
export const kubernetesReleased = "2026-07-22T18:07:38Z";
