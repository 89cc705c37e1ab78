/** How a registry wants to be asked (RFC 9110 section 11.6.1; the distribution project's token specification). */
export type Challenge =
  | { readonly scheme: "basic" }
  | { readonly scheme: "bearer"; readonly realm: string; readonly service?: string; readonly scope?: string };

const LONGEST = 4_096;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const SPACE = /[\s,]*/y;
const PARAMETER = /\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/y;

function take(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** The challenges of a WWW-Authenticate header, in its order; what is neither Basic nor Bearer, or no challenge, is left out. */
export function parseChallenges(header: string | undefined): readonly Challenge[] {
  if (header === undefined || header.length > LONGEST) return [];
  const found: Challenge[] = [];
  let at = take(SPACE, header, 0)?.[0].length ?? 0;
  while (at < header.length) {
    const scheme = take(TOKEN, header, at);
    if (scheme === null) return found;
    at += scheme[0].length;
    const parameters = new Map<string, string>();
    for (;;) {
      const parameter = take(PARAMETER, header, at);
      if (parameter === null) break;
      at += parameter[0].length;
      const value = parameter[2]?.replaceAll(/\\(.)/g, "$1") ?? parameter[3] ?? "";
      parameters.set((parameter[1] ?? "").toLowerCase(), value);
      const comma = take(/\s*,/y, header, at);
      // After a comma comes the next parameter, or the next challenge: a word without `=`.
      if (comma === null || take(PARAMETER, header, at + comma[0].length) === null) break;
      at += comma[0].length;
    }
    add(found, scheme[0].toLowerCase(), parameters);
    at += take(SPACE, header, at)?.[0].length ?? 0;
  }
  return found;
}

function add(found: Challenge[], scheme: string, parameters: ReadonlyMap<string, string>): void {
  const realm = parameters.get("realm");
  const service = parameters.get("service");
  const scope = parameters.get("scope");
  if (scheme === "basic") found.push({ scheme });
  if (scheme !== "bearer" || realm === undefined) return;
  found.push({
    scheme,
    realm,
    ...(service === undefined ? {} : { service }),
    ...(scope === undefined || scope === "" ? {} : { scope }),
  });
}
