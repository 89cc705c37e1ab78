import { createRequire } from "node:module";

/** The part of fengari (Lua 5.3 in JavaScript, without types of its own) that is used. */
interface Fengari {
  readonly lauxlib: {
    readonly luaL_newstate: () => unknown;
    readonly luaL_dostring: (state: unknown, source: Uint8Array) => boolean | number;
  };
  readonly lualib: { readonly luaL_openlibs: (state: unknown) => void };
  readonly lua: { readonly lua_tojsstring: (state: unknown, index: number) => string };
  readonly to_luastring: (text: string) => Uint8Array;
}

// It is CommonJS, and says nothing of its types: those above are what its manual says.
const { lauxlib, lualib, lua, to_luastring } = createRequire(import.meta.url)("fengari") as Fengari;

export interface Health {
  readonly status: string;
  readonly message: string;
}

/** What a health check of Argo CD says of an object: the script has it as `obj`, and returns `status` and `message`. */
export function healthOf(script: string, object: unknown): Health {
  const state = lauxlib.luaL_newstate();
  lualib.luaL_openlibs(state);
  const program = `obj = ${literal(object)}
    local health = (function()
      ${script}
    end)()
    return health.status .. "\\n" .. (health.message or "")`;
  const failed = lauxlib.luaL_dostring(state, to_luastring(program));
  const answer = lua.lua_tojsstring(state, -1);
  if (failed !== false && failed !== 0) throw new Error(answer);
  const [status = "", message = ""] = answer.split("\n");
  return { status, message };
}

/** JSON in Lua's own writing. */
function literal(value: unknown): string {
  if (value === null || value === undefined) return "nil";
  if (typeof value === "string")
    return `"${[...Buffer.from(value)].map((byte) => `\\${String(byte).padStart(3, "0")}`).join("")}"`;
  if (typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `{${value.map(literal).join(",")}}`;
  return `{${Object.entries(value)
    .map(([key, entry]) => `[${literal(key)}]=${literal(entry)}`)
    .join(",")}}`;
}
