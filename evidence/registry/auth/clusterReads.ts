/** What pull secrets are read through; the operator asks the API server, the CLI its files. */
export interface ClusterReads {
  /** `data` of a Secret, base64 as the API has it; undefined: there is none. Rejects where it could not be read. */
  readonly readSecret: (
    namespace: string,
    name: string,
    signal: AbortSignal,
  ) => Promise<Readonly<Record<string, string>> | undefined>;
  /** Names in `imagePullSecrets` of a ServiceAccount; undefined: there is none. Rejects where it could not be read. */
  readonly readServiceAccount: (
    namespace: string,
    name: string,
    signal: AbortSignal,
  ) => Promise<readonly string[] | undefined>;
}
