import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";

/** Path of a folder of `config/`. */
export const configFolder = (name: string): string =>
  fileURLToPath(new URL(`../../../config/${name}`, import.meta.url));

/** The object as far as the tests look into it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** A kustomization of its own over folders of `config/`, in a folder that goes away with it. */
export class Overlay implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async over(
    names: readonly string[],
    fields: {
      readonly namespace?: string;
      readonly components?: readonly string[];
      readonly patches?: readonly object[];
    },
  ): Promise<Overlay> {
    // kustomize takes folders outside its own by relative paths only, and resolves links first.
    const folder = await realpath(await mkdtemp(join(tmpdir(), "image-security-overlay-")));
    const from = (name: string): string => relative(folder, configFolder(name));
    const kustomization = {
      apiVersion: "kustomize.config.k8s.io/v1beta1",
      kind: "Kustomization",
      resources: names.map(from),
      ...(fields.namespace === undefined ? {} : { namespace: fields.namespace }),
      ...(fields.patches === undefined ? {} : { patches: fields.patches }),
      ...(fields.components === undefined ? {} : { components: fields.components.map(from) }),
    };
    await writeFile(join(folder, "kustomization.yaml"), stringify(kustomization));
    return new Overlay(folder);
  }

  /** Over objects as YAML, and changes nothing. */
  static async ofText(yaml: string): Promise<Overlay> {
    const overlay = await Overlay.over([], {});
    await writeFile(join(overlay.folder, "all.yaml"), yaml);
    await writeFile(join(overlay.folder, "kustomization.yaml"), stringify({ resources: ["all.yaml"] }));
    return overlay;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
