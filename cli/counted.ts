/** `1 pod`, `2 pods`: how many of a thing whose plural takes an s. */
export const counted = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? "" : "s"}`;
