import { HTML_SCRIPT, HTML_STYLE } from "./htmlParts.ts";
import type { AuditResult } from "./auditResult.ts";

/**
 * One page that needs nothing else: totals, the policies, the images and every finding, to search, sort, narrow and print. Whatever names of
 * images and objects hold stands in it as data and is only ever written as text.
 */
export const htmlReport = (result: AuditResult, at: Date): string => {
  const data = JSON.stringify({ ...result, at: at.toISOString() })
    // Inside a script element nothing but its end means anything to HTML, and these never begin one.
    .replaceAll("<", "\\u003c")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>What would be refused</title>
<style>${HTML_STYLE}</style>
</head>
<body>
<header>
<h1>What would be refused</h1>
<p class="sub" id="about"></p>
</header>
<main>
<section aria-label="Totals" class="totals" id="totals"></section>
<section>
<h2>By policy</h2>
<p class="sub">If every pod and every template were made anew and the policy denied.</p>
<table id="policies"></table>
</section>
<section class="pair">
<div><h2>By namespace</h2><table id="namespaces"></table></div>
<div><h2>By reason</h2><table id="reasons"></table></div>
<div><h2>By registry</h2><table id="registries"></table></div>
</section>
<section>
<h2>Findings</h2>
<form class="bar" id="bar">
<input type="search" id="search" placeholder="Search: image, owner, namespace, message" aria-label="Search">
<select id="policy" aria-label="Policy"><option value="">All policies</option></select>
<select id="namespace" aria-label="Namespace"><option value="">All namespaces</option></select>
<select id="reason" aria-label="Reason"><option value="">All reasons</option></select>
<label><input type="checkbox" id="refused" checked> refused only</label>
<span class="count" id="count" role="status"></span>
</form>
<table id="findings"></table>
<p><button type="button" id="more">Show more</button></p>
</section>
<section>
<h2>Images</h2>
<table id="images"></table>
</section>
</main>
<script type="application/json" id="data">${data}</script>
<script>${HTML_SCRIPT}</script>
</body>
</html>
`;
};
