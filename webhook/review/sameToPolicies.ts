import type { Subject } from "../../policy/subject/subject.ts";

/**
 * Whether an update leaves nothing for a policy to object to anew: no image that was not there, the same labels and
 * annotations, and the same names under which a registry is asked.
 */
export const sameToPolicies = (before: Subject, after: Subject): boolean => {
  const images = new Set(before.images.map(({ image }) => image));
  return (
    after.images.every(({ image }) => images.has(image)) &&
    sameEntries(before.labels, after.labels) &&
    sameEntries(before.annotations, after.annotations) &&
    before.serviceAccount === after.serviceAccount &&
    before.imagePullSecrets.join() === after.imagePullSecrets.join()
  );
};

const sameEntries = (one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean => {
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && one[key] === other[key])
  );
};
