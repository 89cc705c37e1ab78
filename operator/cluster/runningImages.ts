import { type JsonObject, fieldsOf, listOf, textOf } from "../../json/fields.ts";

/** One container that runs, as its kubelet reports it. */
export interface RunningImage {
  /** What the kubelet calls it: a name and tag, or an ID. Empty for an image volume. */
  readonly image: string;
  /** What the runtime made the container from. */
  readonly imageID: string;
}

const STATUSES = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"] as const;

/** Longer than any reference or image ID that could be read. */
const LONGEST = 1_024;
/** Images of one pod that are kept, each once. */
const MOST = 1_024;
const NONE: readonly RunningImage[] = Object.freeze([]);

/**
 * The images that run in a pod: of containers whose state is `running`, by what their status says, image volumes that these have
 * mounted among them. Nothing of the pod's own specification counts, nor what a container waits for or had before: nobody has started
 * it. Kubelets write a pod's status, and whoever else may write `pods/status`.
 */
export const runningImagesOf = (pod: JsonObject): readonly RunningImage[] => {
  const status = fieldsOf(pod["status"]);
  const found = new Map<string, RunningImage>();
  const add = (image: string, imageID: string): void => {
    if (imageID === "" || image.length > LONGEST || imageID.length > LONGEST || found.size >= MOST) return;
    found.set(`${image}\n${imageID}`, { image, imageID });
  };
  for (const field of STATUSES) {
    for (const entry of listOf(status[field])) {
      const container = fieldsOf(entry);
      const state = fieldsOf(container["state"])["running"];
      if (typeof state !== "object" || state === null) continue;
      add(textOf(container["image"]), textOf(container["imageID"]));
      for (const mount of listOf(container["volumeMounts"]))
        add("", textOf(fieldsOf(fieldsOf(fieldsOf(mount)["volumeStatus"])["image"])["imageRef"]));
    }
  }
  return found.size === 0 ? NONE : [...found.values()];
};
