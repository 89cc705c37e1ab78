import { ASN1Obj } from "@sigstore/core";

/** Parses DER, strictly and to its end; throws otherwise. Works on a copy, which nobody else changes. */
export const parseDer = (bytes: Uint8Array): ASN1Obj => ASN1Obj.parseBuffer(Buffer.from(bytes));
