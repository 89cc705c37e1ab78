/** Bytes that a registry gave and that have the form of a signature; nothing of them is believed yet. Cloneable, for workers. */
export interface Candidate {
  readonly format: "jws" | "cose";
  readonly bytes: Uint8Array;
}

const FORMATS: ReadonlyMap<string, Candidate["format"]> = new Map([
  ["application/jose+json", "jws"],
  ["application/cose", "cose"],
]);

/** The format of a layer by its type; undefined for what is no signature envelope. */
export const formatOf = (mediaType: string): Candidate["format"] | undefined => FORMATS.get(mediaType);
