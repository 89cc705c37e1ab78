import { drawPanel, type Answer } from "./draw.ts";
import { escapeText } from "./html.ts";
import type { Dashboard, Panel } from "../panels.ts";

/** Pixels of a column and of a row of Grafana's grid, with the gap between panels. */
const [COLUMN, ROW, GAP] = [66, 38, 8];
const HEADER = 58;
const TITLE = 30;

export const WIDTH: number = COLUMN * 24 + 2 * GAP;

/** Pixels of a whole dashboard. */
export const heightOf = ({ panels }: Dashboard): number =>
  HEADER + ROW * Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h)) + 2 * GAP;

/** A dashboard as a page: laid out as Grafana lays it out, drawn by ourselves. */
export function pageOf(dashboard: Dashboard, answers: ReadonlyMap<number, readonly Answer[]>): string {
  const variables = dashboard.templating.list.map(
    ({ name }) => `<span><em>${escapeText(name)}</em> ${name === "datasource" ? "Prometheus" : "All"}</span>`,
  );
  const place = (panel: Panel): string => {
    const { x, y, w, h } = panel.gridPos;
    const [width, height] = [w * COLUMN - GAP, h * ROW - GAP];
    const at = `left:${x * COLUMN + GAP}px;top:${HEADER + y * ROW}px;width:${width}px;height:${height}px`;
    if (panel.type === "row") return `<h2 style="${at}">&#9662; ${escapeText(panel.title)}</h2>`;
    const inside = drawPanel(panel, answers.get(panel.id) ?? [], width - 16, height - TITLE - 6);
    return `<section style="${at}"><h3>${escapeText(panel.title)}</h3>${inside}</section>`;
  };
  return `<!doctype html><meta charset="utf-8"><style>${STYLE}</style>
<header><b>${escapeText(dashboard.title)}</b>${variables.join("")}<i>drawn by test/e2e/monitoring/picture, not by Grafana</i></header>
${dashboard.panels.map(place).join("\n")}`;
}

const STYLE = `
body{margin:0;background:#111217;color:#ccccdc;font:13px/1.35 Inter,"DejaVu Sans",sans-serif}
header{display:flex;gap:14px;align-items:center;padding:12px 14px}header b{font-size:18px;margin-right:10px}
header span{background:#181b1f;border:1px solid #2c2f36;padding:4px 10px;border-radius:2px}header em{color:#6e9fff;font-style:normal}
header i{margin-left:auto;color:#7b8087;font-size:11px}
h2{position:absolute;margin:0;font-size:15px;font-weight:500;line-height:30px}
section{position:absolute;background:#181b1f;border:1px solid #24272e;border-radius:3px;box-sizing:border-box;padding:0 8px;overflow:hidden}
h3{margin:0;font-size:13px;font-weight:500;line-height:${TITLE}px;white-space:nowrap}
.number{font-size:34px;font-weight:500;text-align:center;line-height:84px;white-space:nowrap}
svg text{fill:#9fa3ab;font-size:10.5px}
.legend{overflow:hidden}.legend table{width:100%;border-collapse:collapse;font-size:11.5px}
.legend td,.legend th{text-align:right;padding:0 6px;line-height:18px;white-space:nowrap;font-weight:400}.legend th{color:#6e9fff}
.legend td:first-child,.legend th:first-child{text-align:left;width:100%;max-width:0;overflow:hidden;text-overflow:ellipsis}
.legend i{display:inline-block;width:14px;height:4px;border-radius:2px;margin-right:7px;vertical-align:middle}
.table{width:100%;border-collapse:collapse;font-size:12.5px}.table th{text-align:left;color:#6e9fff;font-weight:500}
.table td,.table th{padding:4px 6px;border-bottom:1px solid #24272e;white-space:nowrap}
.bars{display:grid;grid-template-columns:max-content 1fr;gap:10px 12px;align-items:center;padding:8px 4px}
.bars div{display:flex;align-items:center;gap:8px}.bars b{height:26px;border-radius:2px;min-width:2px}.bars span{font-size:17px}
`;
