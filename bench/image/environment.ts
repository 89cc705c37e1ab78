import { readFile } from "node:fs/promises";

/**
 * What the container image sets for Node, from the Dockerfile itself, so that what is measured is what runs. `BENCH_NODE_OPTIONS` stands
 * in for its flags, to choose them.
 */
export const imageEnvironment = async (): Promise<Readonly<Record<string, string>>> => {
  const dockerfile = await readFile(new URL("../../Dockerfile", import.meta.url), "utf8");
  const line = /^ENV (.*)$/m.exec(dockerfile)?.[1];
  if (line === undefined) throw new Error("the Dockerfile sets nothing");
  const variables = Object.fromEntries(
    [...line.matchAll(/([A-Z_]+)=("[^"]*"|\S*)/g)].map(([, name = "", value = ""]) => [
      name,
      value.replaceAll('"', ""),
    ]),
  );
  const { NODE_OPTIONS: flags = "", UV_THREADPOOL_SIZE: threads } = variables;
  return {
    NODE_OPTIONS: process.env["BENCH_NODE_OPTIONS"] ?? flags,
    ...(threads === undefined ? {} : { UV_THREADPOOL_SIZE: threads }),
  };
};
