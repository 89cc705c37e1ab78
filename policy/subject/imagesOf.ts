import { asObject, listOf, type JsonObject } from "../../json/fields.ts";
import { parseReference, type ParsedReference } from "../image/reference.ts";
import { MOST_USES, type ImageField, type ImageUse } from "./subject.ts";

/** Each list of containers, and where a pod's status reports on it. */
const CONTAINERS: readonly (readonly [field: Exclude<ImageField, "volumes">, status: string])[] = [
  ["initContainers", "initContainerStatuses"],
  ["containers", "containerStatuses"],
  ["ephemeralContainers", "ephemeralContainerStatuses"],
];

/**
 * Every image that a pod specification names: containers of all three kinds and image volumes. Never throws, and takes
 * one look at each entry of specification and status. What should hold an image and cannot be read is ImageMalformed,
 * never left out; only a template's image volume may be empty, as the API server allows. What nobody will judge
 * (MOST_USES) is named but not read.
 *
 * @param path JSON pointer to the specification.
 * @param status of the pod, for what the runtime reports; undefined for templates.
 */
export function imagesOf(spec: JsonObject, path: string, status: JsonObject | undefined): readonly ImageUse[] {
  const uses: ImageUse[] = [];
  for (const [field, statusField] of CONTAINERS) {
    const listed = spec[field];
    if (listed === undefined || listed === null) continue;
    const list = entriesOf(listed);
    const reported = imageIdsOf(status?.[statusField]);
    for (let index = 0; index < list.length; index++) {
      const entry = asObject(list[index]);
      const container = nameOf(entry, field, index);
      const at = `${path}/${field}/${index}/image`;
      uses.push(use(container, field, at, entry?.["image"], reported.get(container), uses.length));
    }
  }
  if (spec["volumes"] !== undefined && spec["volumes"] !== null)
    addVolumes(uses, entriesOf(spec["volumes"]), path, status);
  return uses;
}

const NOT_TEXT: ParsedReference = { status: "malformed", reason: "ImageMalformed", message: "is not a string" };
/** An object of 3 MiB names tens of thousands: reading them all takes as long as a hundred reviews. */
const UNREAD: ParsedReference = {
  status: "malformed",
  reason: "ImageMalformed",
  message: `is one of more than ${MOST_USES} images of the object, and was not read; use fewer containers`,
};
const NONE: ReadonlyMap<string, string> = new Map();

function addVolumes(uses: ImageUse[], volumes: readonly unknown[], path: string, status: JsonObject | undefined): void {
  let mounted: ReadonlyMap<string, string> | undefined;
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
    mounted ??= template ? NONE : mountedImagesOf(status);
    const at = `${path}/volumes/${index}/image/reference`;
    uses.push(use(name, "volumes", at, reference, mounted.get(name), uses.length));
  }
}

function use(
  container: string,
  field: ImageField,
  path: string,
  image: unknown,
  imageID: string | undefined,
  place: number,
): ImageUse {
  const written = typeof image === "string" ? image : "";
  const parsed = parsedOf(image, written, place);
  return imageID === undefined
    ? { container, field, path, image: written, parsed }
    : { container, field, path, image: written, parsed, imageID };
}

function parsedOf(image: unknown, written: string, place: number): ParsedReference {
  if (place > MOST_USES) return UNREAD;
  return typeof image === "string" || image === undefined || image === null ? parseReference(written) : NOT_TEXT;
}

/**
 * By container: status entries are matched by name, as their order is the kubelet's. Of two with one name the first
 * counts.
 */
function imageIdsOf(statuses: unknown): ReadonlyMap<string, string> {
  if (!Array.isArray(statuses) || statuses.length === 0) return NONE;
  const first = new Map<string, unknown>();
  for (const entry of statuses as readonly unknown[]) {
    const one = asObject(entry);
    const name = one?.["name"];
    if (typeof name === "string" && !first.has(name)) first.set(name, one?.["imageID"]);
  }
  return textsOf(first);
}

function textsOf(values: ReadonlyMap<string, unknown>): ReadonlyMap<string, string> {
  return new Map([...values].filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

/**
 * By volume: what an image volume really holds is reported with its mounts (KEP-5365), by those containers that mount
 * it.
 */
function mountedImagesOf(status: JsonObject | undefined): ReadonlyMap<string, string> {
  const first = new Map<string, string>();
  for (const [, statusField] of CONTAINERS) {
    for (const entry of listOf(status?.[statusField])) {
      for (const mount of listOf(asObject(entry)?.["volumeMounts"])) {
        const one = asObject(mount);
        const name = one?.["name"];
        const imageRef = asObject(asObject(one?.["volumeStatus"])?.["image"])?.["imageRef"];
        if (typeof name === "string" && typeof imageRef === "string" && !first.has(name)) first.set(name, imageRef);
      }
    }
  }
  return first;
}

function nameOf(entry: JsonObject | undefined, field: ImageField, index: number): string {
  const name = entry?.["name"];
  return typeof name === "string" && name !== "" ? name : `${field}[${index}]`;
}

/** What is not a list counts as one entry that cannot be read. */
function entriesOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}
