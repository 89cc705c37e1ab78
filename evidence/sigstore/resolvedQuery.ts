import type { FactContext } from "../provider.ts";
import type { RepositoryReader } from "../registry/repository.ts";
import { placeKey } from "./keptOutcomes.ts";
import type { Signer } from "./proof.ts";
import { resolveSigner, type ResolvedSigner, type SignerSources } from "./signers.ts";
import type { SignatureQuery } from "./signatureQuery.ts";

/** A want with the signer behind it, and the place where its signatures are. */
export interface ResolvedQuery {
  readonly want: SignatureQuery;
  readonly resolved: ResolvedSigner;
  readonly repository: RepositoryReader;
  readonly digest: string;
  /** Repository, credential and digest: part of the key of whatever is kept. */
  readonly place: string;
}

/** One whose signer can be looked for now. */
export interface OpenQuery extends ResolvedQuery {
  readonly signer: Signer;
}

/** Synchronous where the signer is known. */
export const resolveQuery = (
  want: SignatureQuery,
  context: FactContext,
  digest: string,
  sources: SignerSources,
): ResolvedQuery | Promise<ResolvedQuery> => {
  const { repository: beside } = context;
  const { repository: name } = want.authority;
  const repository = name === undefined || name === beside.name ? beside : context.open(name);
  const place = placeKey(repository, digest);
  const resolved = resolveSigner(want.authority, sources, context.request.signal, context.standing);
  return resolved instanceof Promise
    ? resolved.then((one) => ({ want, resolved: one, repository, digest, place }))
    : { want, resolved, repository, digest, place };
};

/** Everything that the verdict depends on: place, question, and all that the signer trusts. */
export const keyOf = ({ want, place }: ResolvedQuery, { key }: Signer): string =>
  `${place}\n${want.predicateType ?? ""}\n${key}`;
