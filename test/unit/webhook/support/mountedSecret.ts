import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A folder as a kubelet mounts a Secret, and changes it: the files are links into `..data`, which is a link to the folder of a version; a new
 * version takes its place by a rename (`AtomicWriter` of k8s.io/kubernetes/pkg/volume/util).
 */
export class MountedSecret {
  readonly folder: string;
  #version = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async with(files: Readonly<Record<string, string>>): Promise<MountedSecret> {
    const mounted = new MountedSecret(await mkdtemp(join(tmpdir(), "image-security-mounted-")));
    await mounted.change(files);
    for (const name of Object.keys(files)) await symlink(join("..data", name), join(mounted.folder, name));
    return mounted;
  }

  async change(files: Readonly<Record<string, string>>): Promise<void> {
    const before = `..version_${this.#version}`;
    const version = `..version_${(this.#version += 1)}`;
    await mkdir(join(this.folder, version));
    for (const [name, text] of Object.entries(files)) await writeFile(join(this.folder, version, name), text);
    await symlink(version, join(this.folder, "..data_tmp"));
    await rename(join(this.folder, "..data_tmp"), join(this.folder, "..data"));
    await rm(join(this.folder, before), { recursive: true, force: true });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
