import { OPTIONS } from "../operator/settings/settings.ts";
import type { Setting } from "../operator/settings/setting.ts";

/** Settings that the chart decides, and why nobody else may. */
export const DECIDED: Readonly<Record<string, string>> = {
  kubeconfig: "in a Pod it is the ServiceAccount's",
  namespace: "it is the release's",
  webhookService: "it is the Service that the chart makes",
  webhookServicePort: "it is that Service's port",
  webhookUrl: "it excludes the Service",
};

/** The JSON schema of the value `settings`: the operator's settings by the names that code uses. What a text may be is said by the operator itself. */
export function settingsSchema(): object {
  const properties = Object.entries(OPTIONS)
    .filter(([name]) => !Object.hasOwn(DECIDED, name))
    .map(([name, setting]) => [name, schemaOf(setting)] as const)
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
  return { type: "object", additionalProperties: false, properties: Object.fromEntries(properties) };
}

/** What texts may be by the placeholders of their flags. Bounds, and what goes with what, the operator says itself. */
const TEXTS: Readonly<Record<string, object>> = {
  // A number alone is no duration.
  DURATION: { type: "string", pattern: "^([0-9]+[dhms])+$" },
  SIZE: { type: ["string", "integer"], pattern: "^[0-9]+(Ki|Mi|Gi)?$" },
  NUMBER: { type: ["string", "integer"], pattern: "^[0-9]+$" },
};

/** What YAML of before 2009, which Helm reads, takes for false; the templates give the word back. */
const isOff = (word: string): boolean => word.toLowerCase() === "off";

function schemaOf(setting: Setting<unknown>): object {
  const { description, shown } = setting;
  const [, placeholder] = /<(.*)>/.exec(setting.flags) ?? [];
  const told = { description: shown === "" ? description : `${description} Default: ${shown}.` };
  if (placeholder === undefined) return { ...told, type: "boolean" };
  if (setting.repeatable) return { ...told, type: "array", items: { type: "string", minLength: 1 } };
  if (placeholder.includes("|")) {
    const words = placeholder.split("|");
    return { ...told, enum: words.some(isOff) ? [...words, false] : words };
  }
  const text = TEXTS[placeholder];
  if (text !== undefined) return { ...told, ...text };
  return placeholder === "PORT" && setting.read(["off"]).status === "ok"
    ? { ...told, type: ["string", "integer", "boolean"], not: { const: true } }
    : { ...told, type: ["string", "integer"] };
}
