import { stringify } from "yaml";
import { validatingConfiguration } from "../../webhook/configurations/generate.ts";

/** Names in the manifests of `config/`; kustomize carries them over where an overlay changes the namespace. */
const NAMESPACE = "image-security-system";
const SERVICE = "image-security-webhook";

const BANNER = `# Generated from webhook/configurations: npm run generate. The operator adds its certificate authority (caBundle) when it runs.
# Namespaces that are left out: the operator's own and kube-system, so that a cluster can always restart. More may be added here.
`;

/** `config/webhook/validating.yaml`: what the operator would write, without its certificate authority. */
export const validatingManifest = (): string => {
  const configuration = validatingConfiguration({
    target: { type: "service", namespace: NAMESPACE, name: SERVICE, port: 443 },
    excludeNamespaces: [NAMESPACE, "kube-system"],
    caBundle: undefined,
  });
  return BANNER + stringify(configuration, { lineWidth: 140, aliasDuplicateObjects: false });
};
