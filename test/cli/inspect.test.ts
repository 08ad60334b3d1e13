/** `inspect` and the findings in `certify`, from the built command line. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../src/onnx/model/extract.ts';
import { node } from '../onnx/tiny-model.ts';
import { newFolder, parseResults, splitz } from './command-line.ts';
import { glyphParts, glyphProto, writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
const truth = { name: 'truth', dataType: DataType.BOOL, dims: [], rawData: Uint8Array.of(1) };

beforeAll(() => {
  const overridable = [
    tensorInfo('x', DataType.FLOAT, ['N', 1, 28, 28]),
    tensorInfo('fc.bias', DataType.FLOAT, [10]),
  ];
  writeModel(folder, 'net.onnx', glyphProto({ inputs: overridable }));
  const [first, ...others] = glyphParts.nodes;
  writeModel(
    folder,
    'training.onnx',
    glyphProto({
      nodes: [
        node('Dropout', ['x', '', 'truth'], 'dropped', { name: 'drop' }),
        { ...first, input: ['dropped', ...(first?.input ?? []).slice(1)] },
        ...others,
      ],
      initializers: [...(glyphParts.initializers ?? []), truth],
    }),
  );
});
afterAll(remove);

const QUICK = [
  ...['--data', 'glyphs', '--sigma', '0.08', '--n', '300', '--n0', '20'],
  ...['--max', '1', '--out', '-', '--format', 'jsonl'],
];

describe.concurrent('inspect', () => {
  it('shows findings, cuts and norms as a table, and ends well', async () => {
    const { code, stdout, stderr } = await splitz(folder, 'inspect', 'net.onnx');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^warning {2}SPLITZ008 {2}1 initializer: 'fc\.bias', listed as input too$/m);
    expect(stdout).toMatch(/^ +do: Take the initializers out/m);
    expect(stdout).toMatch(/Relu_1.*yes, at most/);
  });

  it.each(['json', 'sarif', 'markdown'])('gives %s', async (format) => {
    const { code, stdout } = await splitz(folder, 'inspect', 'net.onnx', '--format', format);
    expect(code).toBe(0);
    if (format === 'markdown') return expect(stdout).toMatch(/^\| SPLITZ008 \| warning \|/m);
    const document = JSON.parse(stdout) as { verdict?: string; runs?: { results: { ruleId: string }[] }[] };
    return format === 'json'
      ? expect(document.verdict).toBe('certifiable')
      : expect(document.runs?.[0]?.results.map(({ ruleId }) => ruleId)).toEqual(['SPLITZ008']);
  });

  it('shows with --data how left halves move around an image, by both bounds', async () => {
    const { code, stdout } = await splitz(
      folder,
      'inspect',
      'net.onnx',
      '--data',
      'glyphs',
      '--seconds',
      '20',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^around the first image of the data: D\(r\)\/r at r = 0\.1 \(upper bound\)$/m);
    expect(stdout).toMatch(/^Relu_1 +\d+\.\d{3} +\d+\.\d{3}$/m);
  });

  it('shows what it found in a refused model, then ends with 3 and the error on stderr', async () => {
    const { code, stdout, stderr } = await splitz(folder, 'inspect', 'training.onnx', '--format', 'sarif');
    expect(code).toBe(3);
    const { runs } = JSON.parse(stdout) as { runs: { results: { ruleId: string }[] }[] };
    expect(runs[0]?.results.map(({ ruleId }) => ruleId)).toEqual(['SPLITZ001', 'SPLITZ002']);
    expect(stderr).toMatch(/^error: Dropout node 'drop' is in training mode$/m);
    expect(stderr).toMatch(/--force-eval/);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe.concurrent('certify', () => {
  it('notes the warnings, and puts all findings into the header', async () => {
    const { code, stdout, stderr } = await splitz(folder, 'certify', 'net.onnx', ...QUICK);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning SPLITZ008 1 initializer.*\. [A-Z].*\.$/m);
    const { header } = parseResults(stdout);
    expect(header.findings).toEqual([
      { id: 'SPLITZ008', severity: 'warning', where: "'fc.bias'", what: expect.stringContaining('fc.bias') },
      // Its weights are random.
      expect.objectContaining({ id: 'SPLITZ032', severity: 'warning' }),
    ]);
    expect(header.model).not.toHaveProperty('modified');
  });

  it('refuses training mode; with --force-eval the header says the model is modified', async () => {
    expect((await splitz(folder, 'certify', 'training.onnx', ...QUICK)).code).toBe(3);
    const { code, stdout } = await splitz(folder, 'certify', 'training.onnx', ...QUICK, '--force-eval');
    expect(code).toBe(0);
    const { header } = parseResults(stdout);
    expect(header.model.modified).toEqual(["Dropout node 'drop' switched to inference"]);
    expect(header.findings?.map(({ id }) => id)).toEqual(['SPLITZ027', 'SPLITZ032', 'SPLITZ028']);
  });
});
