import { createGraph, type Graph, type PingSource } from "./graph.ts";

/** What a stream is inside, as far as the way of its values goes. */
interface Innards {
  readonly id: string;
  /** Its subscribers. `merge` and `sync` listen through one for each input, which they own. */
  readonly subs: readonly Innards[];
  readonly wrapped?: { readonly __owner?: Innards };
  /** What a sidechain listens to its trigger with. */
  readonly sideSub?: Innards;
}

/** Milliseconds; no timer of a graph that is only looked at is to fire. */
const NEVER = 2 ** 31 - 1;

/**
 * The operator's graph of streams in mermaid's language, as its streams are joined: what has no cause is round, what
 * causes nothing further is an effect. `npm run generate` puts it into docs/graph.md, and a test compares.
 */
export function graphPicture(): string {
  const graph = unusedGraph();
  try {
    // Its fields are protected; every stream of the library has them.
    return draw(graph.streams as unknown as readonly Innards[]);
  } finally {
    graph.stop();
  }
}

/** A page with the picture between its lines for what is generated. */
export function withPicture(page: string, picture: string): string {
  return page.replace(
    /(<!-- generated -->\n)[\s\S]*?(\n<!-- \/generated -->)/,
    `$1\n\`\`\`mermaid\n${picture}\`\`\`\n$2`,
  );
}

function draw(streams: readonly Innards[]): string {
  const edges = streams.flatMap((from) => from.subs.map((sub) => ({ from, to: heldBy(sub, streams) })));
  const lines = streams.map((stream) => {
    if (edges.every(({ to }) => to !== stream)) return `  ${stream.id}([${stream.id}])`;
    return edges.some(({ from }) => from === stream)
      ? `  ${stream.id}[${stream.id}]`
      : `  ${stream.id}[[${stream.id}]]`;
  });
  for (const { from, to } of edges) {
    // A sidechain's trigger only says when.
    const triggers = to.sideSub !== undefined && from.subs.includes(to.sideSub);
    lines.push(`  ${from.id} ${triggers ? "-. when .->" : "-->"} ${to.id}`);
  }
  return `flowchart LR\n${lines.join("\n")}\n`;
}

/** The stream that a subscriber is, or listens for. */
function heldBy(sub: Innards, streams: readonly Innards[]): Innards {
  const found = streams.find((stream) => stream === sub || stream === sub.wrapped?.__owner || stream.sideSub === sub);
  if (found === undefined) throw new Error(`nobody knows whose ${sub.id} is; the graph is to name each of its streams`);
  return found;
}

function unusedGraph(): Graph {
  const silent: PingSource = { synced: () => false, onPing: () => () => undefined };
  const graph = createGraph({
    policies: silent,
    references: silent,
    exceptions: silent,
    violations: silent,
    namespaces: silent,
    pods: silent,
    admissionPolicies: silent,
    compile: () => undefined,
    auditInterval: NEVER,
    clockInterval: NEVER,
    settle: NEVER,
    onError: (id, error) => {
      throw new Error(`the stream ${id} failed`, { cause: error });
    },
  });
  const none = (): void => undefined;
  graph.connect({
    inForce: none,
    reportWatch: none,
    warmUp: none,
    serving: none,
    statuses: none,
    keepAdmissionPolicies: none,
    judgeAgain: none,
    audit: none,
    stepDown: none,
    keepViolations: none,
    keepReports: none,
  });
  return graph;
}
