import { parseReference, type ParsedReference } from "../image/reference.ts";
import type { ImageField, ImageUse } from "./subject.ts";

/** A JSON object of which nothing is known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Each list of containers, and where a pod's status reports on it. */
const CONTAINERS: readonly (readonly [field: Exclude<ImageField, "volumes">, status: string])[] = [
  ["initContainers", "initContainerStatuses"],
  ["containers", "containerStatuses"],
  ["ephemeralContainers", "ephemeralContainerStatuses"],
];

/**
 * Every image that a pod specification names: containers of all three kinds and image volumes. Never throws. What should hold an image
 * and cannot be read is ImageMalformed, never left out; only a template's image volume may be empty, as the API server allows.
 *
 * @param path JSON pointer to the specification.
 * @param status of the pod, for what the runtime reports; undefined for templates.
 */
export function imagesOf(spec: JsonObject, path: string, status: JsonObject | undefined): readonly ImageUse[] {
  const uses: ImageUse[] = [];
  for (const [field, statusField] of CONTAINERS) {
    const listed = spec[field];
    if (listed === undefined || listed === null) continue;
    const list = asList(listed);
    const reported = status === undefined ? undefined : status[statusField];
    for (let index = 0; index < list.length; index++) {
      const entry = asObject(list[index]);
      const container = nameOf(entry, field, index);
      const at = `${path}/${field}/${index}/image`;
      const imageID = reported === undefined ? undefined : imageIdOf(reported, container);
      uses.push(use(container, field, at, entry?.["image"], imageID));
    }
  }
  if (spec["volumes"] !== undefined && spec["volumes"] !== null)
    addVolumes(uses, asList(spec["volumes"]), path, status);
  return uses;
}

function addVolumes(uses: ImageUse[], volumes: readonly unknown[], path: string, status: JsonObject | undefined): void {
  for (let index = 0; index < volumes.length; index++) {
    const volume = asObject(volumes[index]);
    const image = volume?.["image"];
    // A volume that is no object names no image, unlike a container: what else it may be is the API server's to refuse.
    if (image === undefined || image === null) continue;
    const reference = asObject(image)?.["reference"];
    const template = status === undefined;
    if (
      template &&
      asObject(image) !== undefined &&
      (reference === undefined || reference === null || reference === "")
    )
      continue;
    const name = nameOf(volume, "volumes", index);
    const imageID = template ? undefined : mountedImageOf(status, name);
    uses.push(use(name, "volumes", `${path}/volumes/${index}/image/reference`, reference, imageID));
  }
}

function use(
  container: string,
  field: ImageField,
  path: string,
  image: unknown,
  imageID: string | undefined,
): ImageUse {
  const written = typeof image === "string" ? image : "";
  const parsed =
    typeof image === "string" || image === undefined || image === null ? parseReference(written) : NOT_TEXT;
  return imageID === undefined
    ? { container, field, path, image: written, parsed }
    : { container, field, path, image: written, parsed, imageID };
}

const NOT_TEXT: ParsedReference = { status: "malformed", reason: "ImageMalformed", message: "is not a string" };

/** Status entries are matched by name: their order is the kubelet's. Of two with one name the first counts. */
function imageIdOf(statuses: unknown, container: string): string | undefined {
  if (!Array.isArray(statuses)) return undefined;
  for (const entry of statuses as readonly unknown[]) {
    const one = asObject(entry);
    if (one?.["name"] === container) return typeof one["imageID"] === "string" ? one["imageID"] : undefined;
  }
  return undefined;
}

/** What an image volume really holds is reported with its mounts (KEP-5365), by those containers that mount it. */
function mountedImageOf(status: JsonObject, volume: string): string | undefined {
  for (const [, statusField] of CONTAINERS) {
    const statuses = status[statusField];
    if (!Array.isArray(statuses)) continue;
    for (const entry of statuses as readonly unknown[]) {
      const mounts = asObject(entry)?.["volumeMounts"];
      if (!Array.isArray(mounts)) continue;
      for (const mount of mounts as readonly unknown[]) {
        const one = asObject(mount);
        const imageRef = asObject(asObject(one?.["volumeStatus"])?.["image"])?.["imageRef"];
        if (one?.["name"] === volume && typeof imageRef === "string") return imageRef;
      }
    }
  }
  return undefined;
}

function nameOf(entry: JsonObject | undefined, field: ImageField, index: number): string {
  const name = entry?.["name"];
  return typeof name === "string" && name !== "" ? name : `${field}[${index}]`;
}

/** What is not a list counts as one entry that cannot be read. */
function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

export function asObject(value: unknown): JsonObject | undefined {
  // Checked: an object that is neither null nor a list has string keys.
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}
