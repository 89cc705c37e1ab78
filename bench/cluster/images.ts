import { addToStore } from "../../sandbox/registry/push.ts";
import type { SandboxRegistry } from "../../sandbox/registry/server.ts";
import { POD_NAME } from "../load/creators.ts";
import { provedImage } from "../warm/images.ts";
import { pod } from "../warm/reviews.ts";

/** Pushes a scanned, signed and attested image; how a pod writes it. */
export const pushProved = ({ store }: SandboxRegistry, name: string): string => {
  const { image, signature, signatureTag, attestation, attestationTag } = provedImage(name, new Date());
  addToStore(store, name, image);
  addToStore(store, name, signature, signatureTag);
  addToStore(store, name, attestation, attestationTag);
  return `registry.company.com/${name}@${image.digest}`;
};

/** A pod of 5 KiB, as a ReplicaSet makes it, to be made under many names in any namespace. */
export const podTemplate = (images: readonly string[]): object => {
  // What pod gives has metadata.
  const made = pod(POD_NAME, images) as { readonly metadata: object };
  // What only a server writes.
  const written = { namespace: undefined, uid: undefined, creationTimestamp: undefined, managedFields: undefined };
  return { ...made, metadata: { ...made.metadata, ...written } };
};
