/** Light and dark as the reader's system is; on paper everything that is open, without controls. */
export const HTML_STYLE = `
:root { color-scheme: light dark; --fg: light-dark(#1b1f24, #e6edf3); --bg: light-dark(#ffffff, #0d1117); --soft: light-dark(#f3f5f7, #161b22);
  --line: light-dark(#d5dae0, #30363d); --dim: light-dark(#59636e, #9198a1); --bad: light-dark(#b42318, #ff7b72); --warn: light-dark(#9a6700, #e3b341); --good: light-dark(#1a7f37, #56d364); }
* { box-sizing: border-box; }
body { margin: 0; font: 14px/1.45 system-ui, sans-serif; color: var(--fg); background: var(--bg); }
header, main { max-width: 1560px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 28px; } h1 { font-size: 26px; margin: 0; } h2 { font-size: 17px; margin: 32px 0 6px; }
.sub { color: var(--dim); margin: 2px 0 10px; }
.totals { display: flex; flex-wrap: wrap; gap: 12px; margin-top: 18px; }
.card { background: var(--soft); border: 1px solid var(--line); border-radius: 8px; padding: 12px 18px; min-width: 130px; }
.card b { display: block; font-size: 26px; font-variant-numeric: tabular-nums; } .card span { color: var(--dim); }
.bad { color: var(--bad); } .warn { color: var(--warn); } .good { color: var(--good); } .dim { color: var(--dim); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: 5px 10px; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: break-word; }
th { white-space: nowrap; background: var(--soft); cursor: pointer; user-select: none; position: sticky; top: 0; }
th[aria-sort=ascending]::after { content: " \\25B2"; } th[aria-sort=descending]::after { content: " \\25BC"; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } td.code, td.text { overflow-wrap: anywhere; min-width: 160px; } td.code { font-family: ui-monospace, monospace; font-size: 12.5px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr)); gap: 0 32px; } .pair > div { max-height: 420px; overflow: auto; }
.bar { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin: 8px 0; }
input[type=search] { flex: 1 1 280px; } input, select, button { font: inherit; color: inherit; background: var(--bg); border: 1px solid var(--line); border-radius: 6px; padding: 5px 9px; }
.count { color: var(--dim); margin-left: auto; } tbody tr:hover { background: var(--soft); }
@media print { .bar, #more { display: none; } th { position: static; } .pair > div { max-height: none; } body { font-size: 11px; } a { color: inherit; } }
`;

/** Written for browsers as they are, without a library: everything goes in by textContent, never as markup. */
export const HTML_SCRIPT = `
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const el = (id) => document.getElementById(id);
const cell = (tag, text, className) => { const node = document.createElement(tag); node.textContent = text; if (className) node.className = className; return node; };
const plural = (n, word) => n + " " + word + (n === 1 ? "" : "s");
el("about").textContent = "Cluster " + data.cluster + ", " + new Date(data.at).toLocaleString() + ", " + plural(data.policies.length, "policy").replace("policys", "policies");
const refused = data.findings.filter((one) => one.refuses);
const affected = new Set(refused.map((one) => one.namespace + " " + one.owner));
const card = (value, word, className, more = "") => { const node = document.createElement("div"); node.className = "card"; node.append(cell("b", value.toLocaleString(), className), cell("span", word + (value === 1 ? "" : "s") + more)); return node; };
const tags = data.images.filter((one) => one.form === "tag").length;
el("totals").append(card(data.pods, "pod"), card(data.templates, "template"), card(data.namespaces, "namespace"), card(data.images.length, "image"),
  card(tags, "image", "warn", " by a tag alone"), card(affected.size, "owner", affected.size ? "bad" : "good", " with refusals"));

/** A table of columns {name, of, number, code, text, style}; a click on a head sorts by it. */
const table = (id, columns, rows, most) => {
  const root = el(id); const head = document.createElement("thead"); const body = document.createElement("tbody");
  let by = -1; let down = false; let shown = most; let current = rows;
  const line = document.createElement("tr");
  const draw = () => {
    const part = document.createDocumentFragment();
    for (const row of current.slice(0, shown)) {
      const tr = document.createElement("tr");
      for (const column of columns) tr.append(cell("td", String(column.of(row)), [column.number ? "n" : "", column.code ? "code" : column.text ? "text" : "", column.style ? column.style(row) : ""].join(" ").trim()));
      part.append(tr);
    }
    body.replaceChildren(part);
  };
  const sort = () => {
    if (by < 0) return;
    const { of, number } = columns[by];
    current = [...current].sort((a, b) => { const x = of(a), y = of(b); const order = number ? x - y : String(x).localeCompare(String(y)); return down ? -order : order; });
  };
  columns.forEach((column, at) => {
    const th = cell("th", column.name, column.number ? "n" : ""); th.tabIndex = 0;
    const act = () => { down = by === at ? !down : Boolean(column.number); by = at; for (const other of line.children) other.removeAttribute("aria-sort"); th.setAttribute("aria-sort", down ? "descending" : "ascending"); sort(); draw(); };
    th.addEventListener("click", act); th.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(); } });
    line.append(th);
  });
  head.append(line); root.replaceChildren(head, body); draw();
  return { set: (next) => { current = next; shown = most; sort(); draw(); return Math.min(shown, current.length); }, more: () => { shown += most; draw(); return Math.min(shown, current.length); }, all: () => { shown = current.length; draw(); } };
};
const registryOf = new Map(data.images.map((one) => [one.image, one.registry || "(none)"]));
const tally = (rows, key) => [...rows.reduce((map, row) => { const name = key(row); const set = map.get(name) || new Set(); set.add(row.namespace + " " + row.owner); return map.set(name, set); }, new Map())].map(([name, set]) => ({ name, count: set.size })).sort((a, b) => b.count - a.count);
table("policies", [ { name: "Policy", of: (r) => r.policy }, { name: "In force", of: (r) => r.inForce.join(", ") || "-" }, { name: "Pods", number: true, of: (r) => r.pods, style: (r) => (r.pods ? "bad" : "good") },
  { name: "Templates", number: true, of: (r) => r.templates, style: (r) => (r.templates ? "bad" : "good") }, { name: "Owners", number: true, of: (r) => r.owners }, { name: "Namespaces", of: (r) => r.namespaces.join(", ") || "-" } ], data.policies, 1e9);
for (const [id, key] of [["namespaces", (r) => r.namespace], ["reasons", (r) => r.reason], ["registries", (r) => registryOf.get(r.image) || "(none)"]])
  table(id, [ { name: "Name", of: (r) => r.name }, { name: "Owners", number: true, of: (r) => r.count } ], tally(refused, key), 1e9);
table("images", [ { name: "Image", code: true, of: (r) => r.image }, { name: "Registry", of: (r) => r.registry || "-" }, { name: "Named by", of: (r) => r.form, style: (r) => (r.form === "tag" || r.form === "malformed" ? "warn" : "") },
  { name: "Pods", number: true, of: (r) => r.pods }, { name: "Templates", number: true, of: (r) => r.templates }, { name: "Namespaces", of: (r) => r.namespaces.join(", ") } ], data.images, 1e9);
const verdict = (r) => (r.exempted ? "exempted by " + r.exempted.by : r.refuses ? "refused" : "warning");
const findings = table("findings", [ { name: "Policy", of: (r) => r.policy }, { name: "In force", of: (r) => r.inForce }, { name: "Verdict", of: verdict, style: (r) => (r.exempted ? "dim" : r.refuses ? "bad" : "warn") }, { name: "Namespace", of: (r) => r.namespace }, { name: "Owner", of: (r) => r.owner },
  { name: "Pods", number: true, of: (r) => r.pods }, { name: "Templates", number: true, of: (r) => r.templates }, { name: "Reason", of: (r) => r.reason }, { name: "Image", code: true, of: (r) => r.image }, { name: "Message", text: true, of: (r) => r.message } ], [], 200);
for (const name of ["policy", "namespace", "reason"]) for (const value of [...new Set(data.findings.map((one) => one[name]))].sort()) { const option = cell("option", value); option.value = value; el(name).append(option); }
const texts = data.findings.map((r) => [r.policy, r.namespace, r.owner, r.reason, r.image, r.message].join(" ").toLowerCase());
let found = [];
const tell = (shown) => { el("count").textContent = found.length + " of " + data.findings.length + (shown < found.length ? ", " + shown + " shown" : ""); el("more").hidden = shown >= found.length; };
const apply = () => {
  const words = el("search").value.toLowerCase().split(/\\s+/).filter(Boolean);
  found = data.findings.filter((r, at) => (!el("refused").checked || r.refuses) && ["policy", "namespace", "reason"].every((name) => !el(name).value || r[name] === el(name).value) && words.every((word) => texts[at].includes(word)));
  tell(findings.set(found));
};
let timer;
el("bar").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 80); });
el("bar").addEventListener("submit", (event) => event.preventDefault());
el("more").addEventListener("click", () => tell(findings.more()));
addEventListener("beforeprint", () => { findings.all(); tell(found.length); });
apply();
`;
