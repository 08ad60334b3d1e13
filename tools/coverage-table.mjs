// Writes docs/operators.md: every operator the left half supports, from the registry of dist/ (run `npm run build`
// first) and two fixtures that tests keep current: the ONNX node tests passed, and the kinds of bound met.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What each kind of step means for the bound, in the order of the table's legend. */
const KINDS = {
  affine: 'part of an affine segment, whose norm is taken as a whole',
  activation: 'elementwise: secant slopes on the ball',
  maximum: 'windows of a maximum: the root of how many share a cell',
  vector: 'sorting, or windows of a norm: a Lipschitz constant of its own',
  local: 'bounded on the ball around each image; on all of space loosely, or not at all',
  constant: 'the same for every input',
};

/**
 * Operators by family, from the modules of src/operators or dist/operators.
 * @param modules [file name without extension, module] pairs
 */
export function operatorsOf(modules) {
  return modules.flatMap(([file, exports]) =>
    Object.values(exports)
      .filter((value) => Array.isArray(value?.types) && typeof value.compile === 'function')
      .flatMap(({ types, training }) =>
        types.map((type) => ({ type, file, trainable: training?.[type] !== undefined })),
      ),
  );
}

/** A Markdown table with aligned columns; the fourth one is numbers. */
function table(head, rows) {
  const widths = head.map((title, k) => Math.max(title.length, ...rows.map((row) => row[k].length)));
  const line = (cells) =>
    `| ${cells.map((cell, k) => (k === 3 ? cell.padStart(widths[k]) : cell.padEnd(widths[k]))).join(' | ')} |`;
  const rule = widths.map((width, k) => (k === 3 ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/** The page: one row per supported type. A type that no family implements is read with the graph (Constant). */
export function coveragePage({ types, operators, counts, bounds }) {
  const families = new Map(operators.map((operator) => [operator.type, operator]));
  const rows = types.map((type) => {
    const family = families.get(type);
    const kinds = (bounds[type] ?? ['constant']).join(', ');
    const source = family === undefined ? 'the graph itself' : `\`src/operators/${family.file}.ts\``;
    return [type, source, kinds, `${counts[type] ?? 0}`, family?.trainable ? 'yes' : 'no'];
  });
  return `<!-- Written by tools/coverage-table.mjs. -->
# Operators of the left half

A cut may come after these ${types.length} operators of the default ONNX domain. Everything else is refused by name where it
comes before the cut; after the cut any operator that ONNX Runtime runs is allowed.

${Object.entries(KINDS)
  .filter(([kind]) => rows.some((row) => row[2].includes(kind)))
  .map(([kind, meaning]) => `- **${kind}**: ${meaning}.`)
  .join('\n')}

Expressions that exporters write for one function are bounded as that function: x times a gate of x (SiLU and Swish, Gelu with erf
or tanh, Mish, HardSwish with Clip or HardSigmoid), x·x, d / sqrt(mean(d²) + epsilon) (a LayerNormalization or RMSNormalization
written out), Softplus with PyTorch's threshold (Where, Greater), a pool of l2 norms (Pow, AveragePool, Pow), and l2 norms along axes
(Pow, ReduceSum, Sqrt). Attention without a
mask, cache or cap is bounded as the products and the Softmax it consists of; Scaler and the l2 Normalizer of ai.onnx.ml as standard
operators. Other products and quotients of two tensors that depend on the input are bounded part by part; the radius is 0 where a
divisor may become 0 on every ball.

With \`--lipschitz linear\` ([certificates.md](certificates.md), section 3.1) activations, maxima, sorting, products, quotients, matrix
products, softmax and normalisations pass on their linear part. Exp, Log, Sqrt, Reciprocal, Pow, activations that jump and windows of a
norm pass on none: their whole movement is bounded as with \`secant\`.

"Node tests" counts the tests of the ONNX project that contain the operator, have float input and output, and are
reproduced in float64. "Trained" says whether \`train\` has its gradient.

${table(['Operator', 'Family', 'Bound', 'Node tests', 'Trained'], rows)}
`;
}

async function main() {
  const folder = join(root, 'dist/operators');
  const { supportedTypes } = await import(pathToFileURL(join(folder, 'supported-types.js')).href);
  const files = readdirSync(folder).filter((file) => file.endsWith('.js'));
  const modules = await Promise.all(
    files.map(async (file) => [file.slice(0, -3), await import(pathToFileURL(join(folder, file)).href)]),
  );
  const read = (name) => JSON.parse(readFileSync(join(root, 'test/fixtures', name), 'utf8'));
  const page = coveragePage({
    types: supportedTypes(),
    operators: operatorsOf(modules),
    counts: read('conformance-counts.json'),
    bounds: read('operator-bounds.json'),
  });
  writeFileSync(join(root, 'docs/operators.md'), page);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
