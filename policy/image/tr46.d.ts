/** What is used of tr46 (UTS 46 for JavaScript), which has no types of its own. */
declare module "tr46" {
  interface Options {
    readonly checkBidi?: boolean;
    readonly checkHyphens?: boolean;
    readonly checkJoiners?: boolean;
    readonly useSTD3ASCIIRules?: boolean;
    readonly verifyDNSLength?: boolean;
  }
  /** null: not a valid international name. */
  export function toASCII(name: string, options?: Options): string | null;
  /** Labels that do not decode stay as they are, and `error` is set. */
  export function toUnicode(name: string, options?: Options): { readonly domain: string; readonly error: boolean };
}
