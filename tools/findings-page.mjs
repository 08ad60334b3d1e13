// Writes docs/findings.md: every finding of `inspect` by its id, from the registry of dist/ (run `npm run build` first).
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

const MEANINGS = {
  error: 'the model is refused as it is',
  warning: 'it can be certified, but read this first',
  note: 'reported for the record',
};

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;

/** The page: one section per rule, under an anchor that SARIF's helpUri leads to. */
export function findingsPage(rules) {
  const sections = rules.map(
    ({ id, name, severity, title, why, remedy }) => `## ${id}

**${title}** (\`${name}\`, ${severity})

- Why it matters: ${sentence(why)}
- What to do: ${remedy}
`,
  );
  return `<!-- Written by tools/findings-page.mjs. -->
# Findings

What \`inspect\` says about a model file, and \`certify\` writes into every result. Ids are stable: they are never reused. The severity
is the usual one; a case may have its own. ${Object.entries(MEANINGS)
    .map(([severity, meaning]) => `**${severity}**: ${meaning}.`)
    .join(' ')}

${sections.join('\n')}`;
}

async function main() {
  const { RULES } = await import(pathToFileURL(join(root, 'dist/onnx/preflight/registry.js')).href);
  writeFileSync(join(root, 'docs/findings.md'), findingsPage(RULES));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
