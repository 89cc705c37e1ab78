import assert from "node:assert/strict";
import { Command } from "commander";
import { addRegistryFlags, registrySettingsOf, type RegistryFlags } from "../../../cli/registryFlags.ts";

/** What a command with the flags of registries is run with. */
const run = async (...args: readonly string[]): Promise<RegistryFlags> => {
  const { promise, resolve, reject } = Promise.withResolvers<RegistryFlags>();
  const command = addRegistryFlags(new Command("check")).action((flags: RegistryFlags) => resolve(flags));
  command.exitOverride().parseAsync(args, { from: "user" }).catch(reject);
  return promise;
};

describe("the flags of registries at a terminal", () => {
  const variable = "IMAGE_SECURITY_REGISTRY_CONCURRENCY";
  afterEach(() => delete process.env[variable]);

  it("are read as the operator reads them, with its defaults", async () => {
    const flags = await run("--registry-mirror=A.io=http://x", "--registry-ca=a,b", "--registry-ca", "c");
    assert.deepEqual([...flags.registryMirror], [["a.io", "http://x"]]);
    assert.deepEqual(flags.registryCa, ["a", "b", "c"]);
    assert.equal(flags.registryConcurrency, 16);
    assert.deepEqual(registrySettingsOf(flags).cloudCredentials, ["ecr", "artifactRegistry", "acr"]);
  });

  it("are variables, too, which a flag wins over; an empty one is none", async () => {
    process.env[variable] = "3";
    assert.equal((await run()).registryConcurrency, 3);
    assert.equal((await run("--registry-concurrency=4")).registryConcurrency, 4);
    process.env[variable] = "";
    assert.equal((await run()).registryConcurrency, 16);
  });

  it("tell all mistakes at once, each with its flag or variable", async () => {
    process.env[variable] = "none";
    await assert.rejects(run("--registry-mirror=x", "--allow-address", "--docker-config="), ({ message }: Error) => {
      assert.deepEqual(
        message.split("\n").map((line) => line.split(": ", 1)[0]),
        ["--allow-address", "--docker-config", variable, "--registry-mirror"],
      );
      return true;
    });
  });
});
