import { malformed } from "./failure.ts";
import type { RepositoryReader } from "./repository.ts";

/** Stands for a repository whose name cannot be one: whatever is asked is malformed, and nobody is asked. */
export function unreadableRepository(name: string): RepositoryReader {
  const answer = malformed(`${JSON.stringify(name.slice(0, 255))} is no repository that can be asked`);
  return {
    name,
    scope: "",
    resolveTag: async () => answer,
    manifest: async () => answer,
    manifestByTag: async () => answer,
    blob: async () => answer,
    async *referrers() {
      yield answer;
    },
  };
}
