import { REASONS } from "../policy/finding/reasons.ts";

/** The text of `docs/reasons.md`: each reason with an anchor of its name in lower case. */
export function reasonsPage(): string {
  const sections = Object.entries(REASONS).map(
    ([reason, { found, why, todo, example }]) =>
      `## ${reason}\n\n\`\`\`text\n${example}\n\`\`\`\n\n- **Found**: ${found}\n- **Why it matters**: ${why}\n- **What to do**: ${todo}\n`,
  );
  return `${HEAD}\n${sections.join("\n")}`;
}

const HEAD = `# Reasons

Every finding has a reason, in one word: in denials and warnings (\`[policy] container "web", image "nginx:1.21": DigestRequired: ...\`), in Violations, in the \`reason\` label of metrics and in the API server's
audit log. The examples are what the engine says, with digests cut to 12 digits; a denial has them whole. Generated from policy/finding/reasons.ts by \`npm run generate\`.
`;
