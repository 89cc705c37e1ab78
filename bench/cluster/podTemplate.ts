import { POD_NAME } from "../load/creators.ts";
import { pod } from "../warm/reviews.ts";

/** A pod of 5 KiB, as a ReplicaSet makes it, to be made under many names in any namespace. */
export const podTemplate = (images: readonly string[]): object => {
  // What pod gives has metadata.
  const made = pod(POD_NAME, images) as { readonly metadata: object };
  // What only a server writes.
  const written = { namespace: undefined, uid: undefined, creationTimestamp: undefined, managedFields: undefined };
  return { ...made, metadata: { ...made.metadata, ...written } };
};
