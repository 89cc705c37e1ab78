import { shown } from "../../policy/finding/message.ts";

/** Characters of a text. */
const LONGEST = 256;

/** Text of a stranger for a log line or an event: on one line, with nothing invisible, and bounded. */
export const brief = (text: string): string => shown(text).slice(0, LONGEST);

/** `user:password@registry/name` is no reference, but people write it. What follows the @ of a digest has no slash. */
export const withoutCredentials = (image: string): string =>
  image.replace(/^([a-z]+:\/\/)?[^@/]*@(?=[^@]*\/)/i, "$1***@");
