import type { LazyCommand } from "./program.ts";

/** What people and pipelines run: all that the published command line has. */
export const COMMANDS: Readonly<Record<string, LazyCommand>> = {
  check: {
    about: "say what policies say of manifests and images, before a cluster does",
    load: async () => (await import("./check/command.ts")).checkCommand(),
  },
  audit: {
    about: "say what would be refused if everything that runs in a cluster were made anew",
    load: async () => (await import("./audit/command.ts")).auditCommand(),
  },
  where: {
    about: "say which pods and templates name or run an image, a vulnerability or what somebody signed",
    load: async () => (await import("./where/command.ts")).whereCommand(),
  },
  migrate: {
    about: "write digests in place of tags, in manifests, kustomizations and the values of charts",
    load: async () => (await import("./migrate/command.ts")).migrateCommand(),
  },
  export: {
    about: "write what policies refuse for an API server to enforce by itself",
    load: async () => (await import("./export/command.ts")).exportCommand(),
  },
  completion: {
    about: "print what a shell reads to complete commands and flags",
    load: async () => (await import("./completion.ts")).completionCommand(COMMANDS),
  },
};
