export const MANAGED_BY_LABEL = "app.kubernetes.io/managed-by";
export const MANAGER = "image-security";

/** By it objects are known as ours, and found: `kubectl get validatingadmissionpolicies -l app.kubernetes.io/managed-by=image-security`. */
export const MANAGED_BY: Readonly<Record<string, string>> = { [MANAGED_BY_LABEL]: MANAGER };
