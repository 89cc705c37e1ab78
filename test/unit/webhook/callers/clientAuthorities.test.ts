import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClientAuthorities } from "../../../../webhook/callers/clientAuthorities.ts";
import { recordLogger } from "../support/recorders.ts";
import { clientAuthority, clientOf } from "./clients.ts";

describe("ClientAuthorities", () => {
  let folder: string;
  let file: string;
  let one: string;
  let two: string;
  const opened: ClientAuthorities[] = [];

  before(async () => {
    one = (await clientAuthority("CN=one")).pem;
    two = (await clientAuthority("CN=two")).pem;
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "authorities-"));
    file = join(folder, "ca.crt");
  });
  afterEach(async () => {
    for (const authorities of opened.splice(0)) authorities.close();
    await rm(folder, { recursive: true });
  });

  const open = async (
    text: string,
  ): Promise<{ authorities: ClientAuthorities; logger: ReturnType<typeof recordLogger>; subjects: () => string }> => {
    await writeFile(file, text);
    const logger = recordLogger();
    const authorities = await ClientAuthorities.open(file, logger);
    opened.push(authorities);
    const subjects = (): string =>
      authorities
        .current()
        .certificates.map(({ subject }) => subject)
        .join(" ");
    return { authorities, logger, subjects };
  };
  const looks = async (authorities: ClientAuthorities, count = 2): Promise<void> => {
    for (let look = 0; look < count; look += 1) await authorities.look();
  };

  it("holds several, with text around them and any ends of lines", async () => {
    const { subjects } = await open(`# ours\n${one}some text\n${two.replaceAll("\n", "\r\n")}`);
    assert.equal(subjects(), "CN=one CN=two");
  });

  const unusable: readonly (readonly [what: string, text: () => Promise<string> | string, message: RegExp])[] = [
    ["is empty", () => "", /holds no PEM certificate/],
    ["is no PEM", () => "ca", /holds no PEM certificate/],
    ["is cut", () => one + two.slice(0, 200), /a certificate in it is cut/],
    ["holds what is no certificate", () => one + two.replace(/\n.{20}/, "\n"), /certificate 2 of it cannot be parsed/],
    [
      "holds a client's certificate",
      async () => one + (await clientOf(await clientAuthority("CN=three"))).cert,
      /certificate 2 of it is no certificate authority/,
    ],
  ];
  for (const [what, text, message] of unusable) {
    it(`does not open a file that ${what}`, async () => {
      await assert.rejects(open(await text()), message);
    });

    it(`stays with what it had where the file ${what} later, and says so once`, async () => {
      const { authorities, logger, subjects } = await open(one);
      await writeFile(file, await text());
      await looks(authorities, 5);
      assert.equal(subjects(), "CN=one");
      assert.deepEqual(
        logger.lines.map(([level]) => level),
        ["error"],
      );
      await writeFile(file, two);
      await looks(authorities);
      assert.equal(subjects(), "CN=two");
    });
  }

  it("does not open a file that is not there, and stays with what it had where it goes", async () => {
    await assert.rejects(ClientAuthorities.open(file, recordLogger()), /--webhook-client-ca .* cannot be read: ENOENT/);
    const { authorities, subjects, logger } = await open(one);
    await unlink(file);
    await looks(authorities, 3);
    assert.equal(subjects(), "CN=one");
    assert.equal(logger.lines.length, 1);
  });

  it("waits until a text is whole", async () => {
    const { authorities, subjects } = await open(one);
    let changes = 0;
    authorities.onChange(() => (changes += 1));
    await writeFile(file, two);
    await looks(authorities, 1);
    await writeFile(file, two + one);
    await looks(authorities, 1);
    assert.equal(subjects(), "CN=one");
    await looks(authorities, 1);
    assert.equal(subjects(), "CN=two CN=one");
    assert.equal(changes, 1);
    await looks(authorities, 3);
    assert.equal(changes, 1);
  });

  it("follows the link that Kubernetes turns to another folder", async () => {
    const version = async (name: string, text: string): Promise<void> => {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, "ca.crt"), text);
      await symlink(name, join(folder, "..data_tmp"));
      await rename(join(folder, "..data_tmp"), join(folder, "..data"));
    };
    await version("..1", one);
    await symlink("..data/ca.crt", file);
    const authorities = await ClientAuthorities.open(file, recordLogger());
    opened.push(authorities);
    await version("..2", two);
    await looks(authorities);
    assert.equal(authorities.current().certificates[0]?.subject, "CN=two");
  });

  it("looks by itself", async function () {
    this.timeout(10_000);
    const { authorities, subjects } = await open(one);
    const changed = new Promise<void>((resolve) => authorities.onChange(resolve));
    await writeFile(file, two);
    await changed;
    assert.equal(subjects(), "CN=two");
  });
});
