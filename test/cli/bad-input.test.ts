/**
 * What users get wrong ends in words: one error that says what and what to do, the documented exit code, nothing on
 * stdout, no stack trace and no half-written result file.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { run as inspect } from '../../src/cli/commands/inspect.ts';
import { exitCodeOf } from '../../src/cli/exit.ts';
import { renderError } from '../../src/cli/terminal/report-error.ts';
import { screenOf } from '../../src/cli/terminal/style.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../src/onnx/model/extract.ts';
import { AttributeType, EXTERNAL, type TensorProto } from '../../src/onnx/model/proto.ts';
import { probeProvider } from '../../src/smoothing/providers.ts';
import { smallestUsefulN, VOTE_BOUNDS } from '../../src/smoothing/votes/index.ts';
import { npy, npz } from '../datasets/files.ts';
import { modelFiles, noShared, sharedFolder, titled } from '../onnx/shared.ts';
import { floatTensor, intAttr, node, weights } from '../onnx/tiny-model.ts';
import { type Ended, newFolder, readResults, settingsOf, splitz, start } from './command-line.ts';
import { glyphParts, glyphProto, writeModel } from './glyph-network.ts';

const { folder: root, remove } = newFolder();
afterAll(remove);
let made = 0;
/** A folder per case, with a good model in it. */
function caseFolder(): string {
  const folder = join(root, String(made++));
  mkdirSync(folder);
  writeModel(folder, 'net.onnx');
  return folder;
}

const QUICK = ['--data', 'glyphs', '--n', '100', '--n0', '20', '--max', '1', '--seed', '0'];

/** The error as people read it. */
function expectWords({ code, stdout, stderr }: Ended, expected: number, says: RegExp): void {
  expect(stderr).toMatch(/^error: \S/m);
  expect(stderr).toMatch(/^ {2}do: {4}\S/m);
  expect(stderr).toMatch(says);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stderr).not.toContain('internal error');
  expect(stdout).toBe('');
  expect(code).toBe(expected);
}

const leftovers = (folder: string) =>
  readdirSync(folder).filter((name) => /\.jsonl|\.lock|\.stale/.test(name));

interface Case {
  readonly name: string;
  readonly code: 2 | 3 | 4;
  readonly says: RegExp;
  /** Model file, `net.onnx` when absent. May write files into the folder. */
  readonly model?: (folder: string) => string;
  readonly flags?: readonly string[] | ((folder: string) => readonly string[]);
}

const { initializers: good = [], nodes } = glyphParts;
const withWeight = (changed: TensorProto) =>
  glyphProto({ initializers: good.map((tensor) => (tensor.name === changed.name ? changed : tensor)) });

/** The convolution's weights (300 bytes) in a file of their own. */
function external(folder: string, location: string, length = 300): string {
  const entries = Object.entries({ location, offset: '0', length: String(length) });
  return writeModel(
    folder,
    'external.onnx',
    withWeight({
      ...{ name: 'conv.weight', dims: [3, 1, 5, 5], dataType: DataType.FLOAT },
      dataLocation: EXTERNAL,
      externalData: entries.map(([key, value]) => ({ key, value })),
    }),
  );
}

const twoOutputs = glyphProto({
  outputs: [tensorInfo('f', DataType.FLOAT, ['N', 192]), tensorInfo('y', DataType.FLOAT, ['N', 10])],
});

const files: Case[] = [
  { name: 'a missing file', model: () => 'nope.onnx', code: 4, says: /there is no file nope\.onnx/ },
  { name: 'a folder', model: (folder) => folder, code: 4, says: /is a folder/ },
  {
    name: 'no ONNX',
    model: (folder) => {
      writeFileSync(join(folder, 'text.onnx'), 'This is not a model at all, but it has a few words.\n');
      return 'text.onnx';
    },
    code: 3,
    says: /not an ONNX model/,
  },
  {
    name: 'an empty file',
    model: (folder) => {
      writeFileSync(join(folder, 'empty.onnx'), '');
      return 'empty.onnx';
    },
    code: 3,
    says: /is empty/,
  },
  {
    name: 'a truncated model',
    model: (folder) => {
      const bytes = encodeModel(glyphProto());
      writeFileSync(join(folder, 'cut.onnx'), bytes.subarray(0, Math.floor(bytes.length / 2)));
      return 'cut.onnx';
    },
    code: 3,
    says: /truncated/,
  },
  {
    name: 'external data that are missing',
    model: (folder) => external(folder, 'gone.bin'),
    code: 3,
    says: /gone\.bin.*cannot be opened|cannot be opened[\s\S]*gone\.bin/,
  },
  {
    name: 'external data that are short',
    model: (folder) => {
      writeFileSync(join(folder, 'short.bin'), new Uint8Array(100));
      return external(folder, 'short.bin');
    },
    code: 3,
    says: /beyond the end/,
  },
  {
    name: 'external data that leave the folder',
    model: (folder) => external(folder, '../secret.bin'),
    code: 3,
    says: /unsafe path|\.\./,
  },
  {
    name: 'external data at an absolute path',
    model: (folder) => external(folder, '/etc/hostname'),
    code: 3,
    says: /absolute path/,
  },
  {
    name: 'external data behind a symbolic link',
    model: (folder) => {
      writeFileSync(join(root, 'elsewhere.bin'), new Uint8Array(300));
      symlinkSync(join(root, 'elsewhere.bin'), join(folder, 'link.bin'));
      return external(folder, 'link.bin');
    },
    code: 3,
    says: /symbolic link|symlink/i,
  },
  ...[Number.NaN, Number.POSITIVE_INFINITY].map(
    (value): Case => ({
      name: `a weight that is ${value}`,
      model: (folder) =>
        writeModel(folder, 'bad.onnx', withWeight(floatTensor('conv.bias', [3], [0.5, value, 1]))),
      code: 3,
      says: Number.isNaN(value) ? /1 NaN/ : /1 infinite/,
    }),
  ),
  {
    name: 'a cycle',
    model: (folder) =>
      writeModel(
        folder,
        'cycle.onnx',
        glyphProto({ nodes: [...nodes, node('Add', ['b', 'y'], 'c'), node('Relu', ['c'], 'b')] }),
      ),
    code: 3,
    says: /cycle/,
  },
  {
    name: 'an unknown operator',
    model: (folder) =>
      writeModel(
        folder,
        'unknown.onnx',
        glyphProto({ nodes: nodes.map((n) => (n.opType === 'Relu' ? { ...n, opType: 'Rellu' } : n)) }),
      ),
    code: 3,
    says: /operator Rellu/,
  },
  {
    name: 'an operator set from the future',
    model: (folder) => writeModel(folder, 'opset.onnx', glyphProto({ opset: 999 })),
    code: 3,
    says: /operator set 999/,
  },
  {
    name: 'an IR version from the future',
    model: (folder) => writeModel(folder, 'ir.onnx', glyphProto({ ir: 99 })),
    code: 3,
    says: /IR version 99/,
  },
  {
    name: 'two inputs',
    model: (folder) =>
      writeModel(
        folder,
        'inputs.onnx',
        glyphProto({
          nodes: [node('Add', ['x0', 'x1'], 'x'), ...nodes],
          inputs: ['x0', 'x1'].map((name) => tensorInfo(name, DataType.FLOAT, ['N', 1, 28, 28])),
        }),
      ),
    code: 3,
    says: /2 inputs: 'x0'.*'x1'/,
  },
  {
    name: 'two outputs',
    model: (folder) => writeModel(folder, 'outputs.onnx', twoOutputs),
    code: 3,
    says: /2 outputs[\s\S]*--output f/,
  },
  {
    name: 'an output that is not there',
    model: (folder) => writeModel(folder, 'outputs.onnx', twoOutputs),
    flags: ['--output', 'yy'],
    code: 4,
    says: /no output 'yy'[\s\S]*Did you mean y/,
  },
  {
    name: 'a left half without a bound',
    model: (folder) =>
      writeModel(
        folder,
        'unbounded.onnx',
        glyphProto({ nodes: nodes.map((n) => (n.opType === 'Relu' ? { ...n, opType: 'Sign' } : n)) }),
      ),
    flags: ['--split', 'Flatten_2'],
    code: 3,
    says: /Sign[\s\S]*Cut earlier: the last boundable cut is --split conv/,
  },
];

function imagesAndLabels(folder: string, shape: number[], labels: string): readonly string[] {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5);
  writeFileSync(join(folder, 'images.npy'), npy('<f4', shape, values));
  writeFileSync(join(folder, 'labels.txt'), labels);
  return ['--data', 'images.npy', '--labels', 'labels.txt'];
}

const data: Case[] = [
  { name: 'a data set that is not there', flags: ['--data', 'nowhere'], code: 4, says: /no such data set/ },
  {
    name: 'a seed of glyphs that is none',
    flags: ['--data', 'glyphs:x'],
    code: 4,
    says: /"x" is not a seed/,
  },
  {
    name: 'a label file of other length',
    flags: (folder) => imagesAndLabels(folder, [3, 28, 28], '1\n2\n'),
    code: 4,
    says: /2 labels|labels[\s\S]*3 images|3[\s\S]*2/,
  },
  {
    name: 'images of another size than the model takes',
    flags: (folder) => imagesAndLabels(folder, [2, 8, 8], '1\n2\n'),
    code: 4,
    says: /images of shape \[1,8,8\][\s\S]*do not fit/,
  },
  {
    name: 'a label that is not a class of the model',
    flags: (folder) => imagesAndLabels(folder, [2, 28, 28], '1\n10\n'),
    code: 4,
    says: /image 1 has label 10, but the model has 10 classes/,
  },
  {
    name: 'a mean per channel for other channels',
    flags: ['--mean', '0.5,0.5,0.5'],
    code: 4,
    says: /--mean 0\.5,0\.5,0\.5 does not fit images of 1 channel/,
  },
  {
    name: 'a mean that is not a number',
    flags: ['--mean', 'half'],
    code: 4,
    says: /'half' is not a number[\s\S]*--mean/,
  },
  { name: 'a deviation of 0', flags: ['--std', '0'], code: 4, says: /--std 0/ },
  { name: 'a scale of 0', flags: ['--scale', '0'], code: 4, says: /--scale is 0/ },
  {
    name: 'another layout than the model has',
    flags: ['--layout', 'hw'],
    code: 4,
    says: /Use --layout nchw/,
  },
  {
    name: 'a start behind the end',
    flags: ['--start', '10000'],
    code: 4,
    says: /--start 10000 is past the last image/,
  },
];

/** The network with h² for its activation, which has no Lipschitz constant. */
const squared = (folder: string): string =>
  writeModel(
    folder,
    'squared.onnx',
    glyphProto({
      nodes: nodes.map((n) => (n.opType === 'Relu' ? node('Mul', ['h', 'h'], 'a', { name: 'Mul_1' }) : n)),
    }),
  );

/** The network with its hidden numbers normalised, to 1 on average: steep without measure where they are all alike. */
const normalised = (folder: string): string =>
  writeModel(
    folder,
    'normalised.onnx',
    glyphProto({
      nodes: nodes.map((n) =>
        n.opType === 'Relu'
          ? node('LayerNormalization', ['h', 'ones'], 'a', {
              name: 'Norm_1',
              attribute: [intAttr('axis', 1), { name: 'epsilon', type: AttributeType.FLOAT, f: 1e-12 }],
            })
          : n,
      ),
      initializers: [
        ...good,
        floatTensor(
          'ones',
          [3, 8, 8],
          Array.from({ length: 192 }, () => 1),
        ),
      ],
    }),
  );

const settings: Case[] = [
  {
    name: 'no sigma where only balls have a bound',
    model: squared,
    flags: ['--split', 'Mul_1'],
    code: 4,
    says: /the cut 'Mul_1' needs a --sigma[\s\S]*only balls around images have a bound[\s\S]*Write --split input[\s\S]*write --sigma [\d.]+, for instance/,
  },
  {
    name: 'no sigma where the default would drown the latent',
    model: normalised,
    flags: ['--split', 'Norm_1'],
    code: 4,
    says: /the cut 'Norm_1' needs a --sigma[\s\S]*first image, 13\.9[\s\S]*Write --split input[\s\S]*write --sigma 0\.5, for instance[\s\S]*root mean square 1\.00/,
  },
  ...['mask', 'global', 'power'].map(
    (bound): Case => ({
      name: `the bound ${bound} where only balls have one`,
      model: squared,
      flags: ['--split', 'Mul_1', '--sigma', '0.1', '--no-baseline', '--lipschitz', bound],
      code: 4,
      says: new RegExp(
        `--lipschitz ${bound} certifies nothing at the cut 'Mul_1'[\\s\\S]*Mul node 'Mul_1' has no Lipschitz constant[\\s\\S]*--lipschitz linear`,
      ),
    }),
  ),
  {
    name: 'no baseline sigma where only balls have a bound',
    model: squared,
    flags: ['--split', 'Mul_1', '--sigma', '0.1'],
    code: 4,
    says: /needs a --baseline-sigma[\s\S]*--no-baseline/,
  },
  { name: 'sigma 0', flags: ['--sigma', '0'], code: 4, says: /--sigma is 0/ },
  { name: 'a negative sigma', flags: ['--sigma', '-1'], code: 4, says: /--sigma is -1/ },
  { name: 'a sigma below what float32 holds', flags: ['--sigma', '1e-60'], code: 4, says: /sigma/ },
  { name: 'alpha 0', flags: ['--alpha', '0'], code: 4, says: /alpha/ },
  { name: 'alpha 0.5', flags: ['--alpha', '0.5'], code: 4, says: /alpha/ },
  { name: 'alpha that is not a number', flags: ['--alpha', 'small'], code: 4, says: /alpha/ },
  {
    name: 'an n that can certify nothing',
    flags: ['--n', '9'],
    code: 4,
    says: new RegExp(
      `--n 9 can certify nothing at --alpha 0.001[\\s\\S]*Give --n ${smallestUsefulN(VOTE_BOUNDS['clopper-pearson'], 0.001)} or more;`,
    ),
  },
  { name: 'an n that is not a number', flags: ['--n', 'many'], code: 4, says: /--n/ },
  { name: 'an n with a fraction', flags: ['--n', '99.5'], code: 4, says: /--n is 99\.5[\s\S]*whole number/ },
  { name: 'no workers', flags: ['--workers', '0'], code: 4, says: /--workers is 0/ },
  { name: 'a seed below 0', flags: ['--seed', '-3'], code: 4, says: /--seed is -3/ },
  {
    name: 'a cut that is not there',
    flags: ['--split', 'relu1'],
    code: 4,
    says: /no cut "relu1"[\s\S]*Relu_1/,
  },
  {
    name: 'an unknown option',
    flags: ['--sgima', '1'],
    code: 4,
    says: /no option --sgima\n.*Did you mean --sigma\?/,
  },
  { name: 'an unknown choice', flags: ['--bound', 'hoeffding'], code: 4, says: /clopper-pearson/ },
  { name: 'an option without its value', flags: ['--out'], code: 4, says: /out/ },
  {
    name: 'a missing folder for the result',
    flags: ['--out', 'no/such/r.jsonl'],
    code: 4,
    says: /folder for the result file does not exist/,
  },
  { name: 'a result file that is a folder', flags: ['--out', '.'], code: 4, says: /is a folder/ },
];

describe.each([
  ['the model', files],
  ['the data', data],
  ['the settings', settings],
])('%s', (_, cases) => {
  it.concurrent.each(cases)('$name', async ({ model, flags, code, says }) => {
    const folder = caseFolder();
    const file = model?.(folder) ?? 'net.onnx';
    const more = typeof flags === 'function' ? flags(folder) : (flags ?? []);
    expectWords(await splitz(folder, 'certify', file, ...QUICK, ...more), code, says);
    expect(leftovers(folder)).toEqual([]);
  });
});

describe.concurrent('the command line', () => {
  it.each([
    ['an unknown command', ['certfy', 'net.onnx'], /no command certfy\n.*Did you mean certify\?/],
    ['no command', ['--no-config'], /Name a command/],
    ['no model', ['certify'], /model/],
    ['no data', ['certify', 'net.onnx'], /no data to certify[\s\S]*--data/],
    [
      'an image to predict that is not there',
      ['predict', 'net.onnx', '--data', 'glyphs', '--index', '10000'],
      /no image 10000/,
    ],
    ['a split with nothing to the left', ['split', 'net.onnx', '--at', 'input'], /has no left half/],
    [
      'an input shape that is none',
      ['inspect', 'net.onnx', '--input-shape', '3x3'],
      /--input-shape 3x3 is not a shape/,
    ],
  ])('%s', async (_, args, says) => {
    const folder = caseFolder();
    const ended = await splitz(folder, ...args);
    expectWords({ ...ended, stdout: args[0] === 'inspect' ? '' : ended.stdout }, 4, says);
  });

  it('with --json the error is one line of JSON', async () => {
    const { code, stdout, stderr } = await splitz(caseFolder(), 'certify', 'nope.onnx', '--json', ...QUICK);
    expect(stdout).toBe('');
    expect(stderr.trimEnd()).not.toContain('\n');
    expect(JSON.parse(stderr)).toEqual({
      error: {
        kind: 'UsageError',
        what: 'there is no file nope.onnx',
        where: null,
        why: expect.stringContaining('ENOENT'),
        do: expect.stringContaining('path'),
        exitCode: code,
      },
    });
  });

  it('of two equal flags the last counts', async () => {
    const folder = caseFolder();
    const ended = await splitz(
      folder,
      'certify',
      'net.onnx',
      '--n',
      '50',
      '--out',
      'a',
      ...QUICK,
      '--out',
      'b.jsonl',
    );
    expect(ended.code).toBe(0);
    expect(settingsOf(readResults(join(folder, 'b.jsonl')).header)['n']).toBe(100);
    expect(existsSync(join(folder, 'a'))).toBe(false);
  });
});

describe.concurrent('the result file', () => {
  const certify = (folder: string, ...more: string[]) =>
    splitz(
      folder,
      'certify',
      'net.onnx',
      ...QUICK,
      '--sigma',
      '0.1',
      '--no-baseline',
      '--out',
      'r.jsonl',
      ...more,
    );

  it('of other settings, another model or other data is refused, naming the difference, and not touched', async () => {
    const folder = caseFolder();
    expect((await certify(folder)).code).toBe(0);
    const before = readFileSync(join(folder, 'r.jsonl'));
    writeModel(folder, 'other.onnx', withWeight(weights('conv.bias', [3])));
    writeModel(folder, 'shifted.onnx', withWeight(floatTensor('conv.bias', [3], [1, 2, 3])));
    const shifted = [...QUICK, '--sigma', '0.1', '--no-baseline', '--out', 'r.jsonl'];
    // One after the other: the file has one writer at a time.
    const refused = [
      await certify(folder, '--sigma', '0.2', '--seed', '5'),
      await certify(folder, '--data', 'glyphs:9'),
      await splitz(folder, 'certify', 'shifted.onnx', ...shifted),
    ];
    const [bySettings, byData, byModel] = refused;
    for (const ended of refused) expectWords(ended, 4, /the result file holds another run/);
    expect(bySettings?.stderr).toMatch(/seed: 0 in the file, 5 now; sigma: 0\.1 in the file, 0\.2 now/);
    expect(byData?.stderr).toMatch(/data\.digest: /);
    expect(byModel?.stderr).toMatch(/model\.files/);
    expect(readFileSync(join(folder, 'r.jsonl')).equals(before)).toBe(true);
    // Another name for the same bytes is the same run.
    expect(
      (
        await splitz(
          folder,
          'certify',
          'other.onnx',
          ...QUICK,
          '--sigma',
          '0.1',
          '--no-baseline',
          '--out',
          'r.jsonl',
        )
      ).code,
    ).toBe(0);
  });

  it('that is not a result file is left alone', async () => {
    const folder = caseFolder();
    writeFileSync(join(folder, 'r.jsonl'), 'my notes\n');
    expectWords(await certify(folder), 4, /not a result file of this program/);
    expect(readFileSync(join(folder, 'r.jsonl'), 'utf8')).toBe('my notes\n');
  });

  it.skipIf(process.getuid?.() === 0)('in a read-only folder is an error of the tool', async () => {
    const folder = caseFolder();
    chmodSync(folder, 0o555);
    try {
      expectWords(await certify(folder), 2, /the lock of the result file cannot be written/);
    } finally {
      chmodSync(folder, 0o755);
    }
  });

  it.skipIf(process.platform === 'win32')(
    'too large for the limit of the file system keeps its whole records',
    async () => {
      const folder = caseFolder();
      const script = `ulimit -f 8; exec "$0" "$@"`;
      const many = [...QUICK, '--max', '12', '--sigma', '0.1', '--out', 'r.jsonl'];
      const full = await start(folder, ['certify', 'net.onnx', ...many], {}, ['sh', '-c', script]).ended;
      expectWords(full, 2, /the disk is full[\s\S]*continues after the last whole record/);
      expect(readResults(join(folder, 'r.jsonl')).records.length).toBeGreaterThan(0);
      expect((await splitz(folder, 'certify', 'net.onnx', ...many)).code).toBe(0);
      expect(readResults(join(folder, 'r.jsonl')).records).toHaveLength(12);
    },
  );
});

describe.concurrent('what is not an error', () => {
  it('data without labels are certified; nothing is called accuracy', async () => {
    const folder = caseFolder();
    const pixels = Float32Array.from({ length: 2 * 784 }, (_, i) => (i % 28) / 28);
    writeFileSync(join(folder, 'images.npz'), npz({ images: npy('<f4', [2, 28, 28], pixels) }));
    const ended = await splitz(
      folder,
      ...[
        'certify',
        'net.onnx',
        ...QUICK,
        '--max',
        '2',
        '--data',
        'images.npz',
        '--sigma',
        '0.01',
        '--out',
        'r.jsonl',
      ],
    );
    expect(ended.code).toBe(0);
    expect(ended.stdout + ended.stderr).not.toMatch(/accuracy/);
    const { header, records } = readResults(join(folder, 'r.jsonl'));
    expect(header.data.labelled).toBe(false);
    expect(records.map(({ label }) => label)).toEqual([null, null]);
  });

  it('two outputs, when one is named', async () => {
    const folder = caseFolder();
    const file = writeModel(folder, 'outputs.onnx', twoOutputs);
    expect((await splitz(folder, 'certify', file, ...QUICK, '--output', 'y')).code).toBe(0);
  });
});

describe('what the CPU does not have', () => {
  it.each([
    [['--precision', 'tf32'], /the cpu provider has no TF32[\s\S]*--provider cuda/],
    [['--devices', '0,1'], /the cpu provider has no numbered devices[\s\S]*--provider cuda/],
    [['--devices', 'x'], /--devices/],
  ])('%j is refused before anything is written', async (given, words) => {
    const folder = caseFolder();
    expectWords(await splitz(folder, 'certify', 'net.onnx', ...QUICK, ...given), 4, words);
    expect(leftovers(folder)).toEqual([]);
  });
});

describe('a provider that is absent', async () => {
  const { available } = await probeProvider('cuda');
  it.skipIf(available)('is an error that names the library and the step that installs it', async () => {
    const folder = caseFolder();
    const { ended } = start(folder, ['certify', 'net.onnx', ...QUICK, '--provider', 'cuda'], {
      NVIDIA_TF32_OVERRIDE: '0',
    });
    expectWords(await ended, 2, /libonnxruntime_providers_cuda\.so|\.so[\s\S]*Install the CUDA provider/);
    expect(leftovers(folder)).toEqual([]);
  });

  it.skipIf(available)('is named once where the process started itself again to turn TF32 off', async () => {
    const { ended } = start(caseFolder(), ['certify', 'net.onnx', ...QUICK, '--provider', 'cuda'], {
      NVIDIA_TF32_OVERRIDE: '',
    });
    const { code, stderr } = await ended;
    expect(code).toBe(2);
    expect(stderr.match(/Install the CUDA provider/g)?.length).toBe(1);
    expect(stderr).not.toMatch(/TF32/);
  });
});

const strange = [...modelFiles('malformed'), ...modelFiles('awkward')];
describe.skipIf(noShared !== null)(titled('every strange model, opened by inspect'), () => {
  it.each(strange.map((file) => [basename(file), file]))(
    '%s works or is refused in words',
    async (_, file) => {
      let printed = '';
      vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
        printed += String(text);
        return true;
      });
      const began = performance.now();
      let refusal: unknown = null;
      try {
        await inspect({ model: file, json: true, quiet: false, seconds: 1, _: [], $0: '' } as never);
      } catch (error) {
        refusal = error;
      } finally {
        vi.restoreAllMocks();
      }
      // Ten seconds on a free machine; other tests share this one.
      expect(performance.now() - began).toBeLessThan(60_000);
      if (refusal === null) {
        const document = JSON.parse(printed) as { cuts: { name: string }[] };
        expect(document.cuts[0]?.name).toBe('input');
      } else {
        const stderr = renderError(refusal, screenOf(process.stderr, {}).style);
        expectWords({ code: exitCodeOf(refusal), stdout: '', stderr, seconds: 0 }, 3, /./);
        const document = JSON.parse(printed) as { verdict: string; findings: { severity: string }[] };
        expect(document.verdict).toBe('refused');
        expect(document.findings[0]?.severity).toBe('error');
      }
    },
  );

  it('an ORT-format file is refused by the program too', async () => {
    const file = `${sharedFolder}/models/awkward/ort_format_not_onnx.ort`;
    expectWords(await splitz(root, 'certify', file, ...QUICK), 3, /\.ort format/);
    const ended = await splitz(root, 'inspect', file);
    expect(ended.stdout).toMatch(/error {4}SPLITZ001 {2}this is a model in ONNX Runtime’s own \.ort format/);
    expectWords({ ...ended, stdout: '' }, 3, /\.ort format/);
  });
});
