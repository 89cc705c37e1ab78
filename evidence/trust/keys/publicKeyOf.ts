import { createPublicKey, type KeyObject } from "node:crypto";
import { KmsError } from "./kmsError.ts";

/** A public key as a service gave it. Throws KmsError `unusable` with this message where it is none. */
export const publicKeyOf = (given: Parameters<typeof createPublicKey>[0], otherwise: string): KeyObject => {
  try {
    return createPublicKey(given);
  } catch (error) {
    throw new KmsError("unusable", otherwise, error);
  }
};
