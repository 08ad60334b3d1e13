/** `certify` end to end, from the built command line to the bytes of the result file, on a model made here. */
import { copyFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDataset } from '../../src/datasets/open-dataset.ts';
import { globalLipschitz, leftHalfBoundAt, PILOT_SEED } from '../../src/methods/splitz/left-half.ts';
import type { SplitzEvidence } from '../../src/methods/splitz/schema.ts';
import { findCut } from '../../src/onnx/cuts.ts';
import { prepareClassifier } from '../../src/onnx/intake/prepare-classifier.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { tensorInfo } from '../../src/onnx/model/extract.ts';
import { loadModel } from '../../src/onnx/model/load.ts';
import type { NodeProto } from '../../src/onnx/model/proto.ts';
import type { CertificateRecord } from '../../src/records/record.ts';
import { pixelDigest } from '../../src/runs/certify.ts';
import { npy, npz } from '../datasets/files.ts';
import { floatTensor, intAttr, node } from '../onnx/tiny-model.ts';
import { randomSource } from '../operators/random.ts';
import {
  countsOf,
  cutOf,
  newFolder,
  outcome,
  ownVerdict,
  parseResults,
  readResults,
  settingsOf,
  splitz,
  start,
  withoutTimes,
} from './command-line.ts';
import { glyphParts, glyphProto, writeModel } from './glyph-network.ts';

const { folder, remove } = newFolder();
const path = (name: string) => join(folder, name);
/** Few draws, and little enough noise that some images are certified and some not. */
const QUICK = ['--data', 'glyphs', '--sigma', '0.08', '--n', '300', '--n0', '20', '--seed', '7'];
const run = (...args: string[]) => splitz(folder, 'certify', 'net.onnx', ...QUICK, ...args);
const indices = (records: readonly CertificateRecord[]) => records.map(({ index }) => index);

/** Runs that must succeed, with their result file read back. */
async function certified(out: string, ...args: string[]) {
  const ended = await run('--out', out, ...args);
  expect(ended.stderr).not.toContain('error');
  expect(ended.code).toBe(0);
  return { ...readResults(path(out)), ended };
}

beforeAll(async () => {
  writeModel(folder, 'net.onnx');
  expect((await run('--max', '12', '--out', 'whole.jsonl', '--workers', '1', '--batch', '8')).code).toBe(0);
});
afterAll(remove);

describe.concurrent('a result file', () => {
  it('holds a header and one valid record per image, and some images are certified', () => {
    const { header, records } = readResults(path('whole.jsonl'));
    const [own] = header.series;
    expect(header.series.map(({ method }) => method)).toEqual(['splitz', 'smoothing']);
    expect(own?.guarantee).toBe('certificate');
    expect(own?.facts).toMatchObject({ latentShape: [3, 8, 8] });
    expect(own?.settings).toMatchObject({
      split: { value: 'Relu_1', origin: 'default' },
      sigma: { value: 0.08, origin: 'flag' },
      alpha: { value: 0.001, origin: 'default' },
    });
    expect(header.selection.heldOut).toEqual([]);
    expect(indices(records)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    const large = records.map(ownVerdict).filter(({ radius }) => radius > 0.001);
    expect(large.length).toBeGreaterThan(2);
    for (const { evidence } of large) {
      const { displacement, latentRadius, forwardError } = evidence as SplitzEvidence;
      expect(displacement).toBeLessThanOrEqual(latentRadius - 2 * (forwardError ?? Number.NaN));
    }
  });

  it('says which picture each record is of, and what the network alone answers', async () => {
    const { records } = readResults(path('whole.jsonl'));
    expect(new Set(records.map(({ sha256 }) => sha256)).size).toBe(records.length);
    const glyphs = await openDataset('glyphs', { subset: 'test' });
    const [first] = records;
    expect(first?.sha256).toBe(pixelDigest(await glyphs.image(0)));
    expect(first?.name).toBeNull();
    expect(records.every(({ answer }) => answer !== null && answer >= 0)).toBe(true);
  });

  it('ends with the result digest that is printed: the same for the same command, another with another seed', async () => {
    const printed = (stderr: string) => /^digest ([0-9a-f]{64})$/m.exec(stderr)?.[1];
    const digestOf = (out: string) => {
      const last: unknown = JSON.parse(readFileSync(path(out), 'utf8').trimEnd().split('\n').at(-1) ?? '');
      return (last as { digest?: string }).digest;
    };
    const ends = [
      await certified('digest1.jsonl', '--max', '3', '--workers', '1'),
      await certified('digest2.jsonl', '--max', '3', '--workers', '2', '--batch', '8'),
      await certified('digest3.jsonl', '--max', '3', '--seed', '8'),
    ];
    const digests = ends.map(({ ended }) => printed(ended.stderr));
    expect(digests[0]).toBe(digestOf('digest1.jsonl'));
    expect(digests[1]).toBe(digests[0]);
    expect(digests[2]).not.toBe(digests[0]);
  });

  it.each([
    [1, 1],
    [2, 8],
    [2, 64],
  ])('is the same with %i workers and batches of %i', async (workers, batch) => {
    const out = `w${workers}b${batch}.jsonl`;
    const { records, header } = await certified(
      out,
      ...['--max', '12', '--workers', String(workers), '--batch', String(batch)],
    );
    expect(header.environments).toMatchObject([{ workers }]);
    expect(header.series.map(({ checks }) => checks)).toMatchObject([{ batch }, { batch }]);
    expect(
      withoutTimes(path(out))
        .replace(/"workers":\d+/, '"workers":1')
        .replaceAll(/"batch":\d+/g, '"batch":8'),
    ).toBe(withoutTimes(path('whole.jsonl')));
    expect(records.map(outcome)).toEqual(readResults(path('whole.jsonl')).records.map(outcome));
  });

  it('is another one with another seed', async () => {
    const { records } = await certified('seed.jsonl', '--max', '3', '--seed', '8');
    const before = readResults(path('whole.jsonl')).records.slice(0, 3);
    expect(records.map((record) => countsOf(record))).not.toEqual(before.map((record) => countsOf(record)));
  });

  it.each([
    ['in the middle of a record', 0.5],
    ['one byte before its end', 1],
  ])('that was cut %s is repaired and finished to the same bytes', async (_, share) => {
    const out = `cut${share}.jsonl`;
    copyFileSync(path('whole.jsonl'), path(out));
    truncateSync(path(out), Math.floor(readFileSync(path(out)).length * share) - 1);
    const ended = await run('--max', '12', '--out', out, '--workers', '1', '--batch', '8');
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(/resumed after \d+ images, a torn last line cut off/);
    expect(withoutTimes(path(out))).toBe(withoutTimes(path('whole.jsonl')));
  });

  it('grows when more images are asked for, and is not touched when they are there', async () => {
    await certified('more.jsonl', '--max', '5', '--workers', '1', '--batch', '8');
    const five = readFileSync(path('more.jsonl'));
    await certified('more.jsonl', '--max', '5');
    expect(readFileSync(path('more.jsonl')).equals(five)).toBe(true);
    await certified('more.jsonl', '--max', '12');
    expect(readResults(path('more.jsonl')).records.map(outcome)).toEqual(
      readResults(path('whole.jsonl')).records.map(outcome),
    );
  });
});

describe.concurrent('which images', () => {
  it('--start, --skip and --max count in the indices of the data set, which also key the noise', async () => {
    const { records } = await certified('skip.jsonl', '--start', '1', '--skip', '5', '--max', '3');
    expect(indices(records)).toEqual([1, 6, 11]);
    const whole = readResults(path('whole.jsonl')).records.map(outcome);
    expect(records.map(outcome)).toEqual([whole[1], whole[6], whole[11]]);
  });

  it('a run ends with the data', async () => {
    const { records } = await certified('end.jsonl', '--start', '9990', '--skip', '4', '--max', '50');
    expect(indices(records)).toEqual([9990, 9994, 9998]);
  });

  it('--split auto takes the best cut on images that it never certifies', async () => {
    const random = randomSource(2);
    const pixels = Float32Array.from({ length: 12 * 784 }, () => random.uniform(0, 1));
    writeFileSync(path('noise.npz'), npz({ images: npy('<f4', [12, 28, 28], pixels) }));
    const auto = ['--data', 'noise.npz', '--split', 'auto', '--sigma', '0.01'];
    const { header, records, ended } = await certified('auto.jsonl', ...auto);
    expect(header.selection.heldOut).toEqual([4, 5, 6, 7, 8, 9, 10, 11]);
    expect(indices(records)).toEqual([0, 1, 2, 3]);
    const [own] = header.series;
    // At the input it is the level that was asked for; behind a cut it follows from that.
    expect(own?.settings).toMatchObject({
      sigma: { origin: own?.method === 'smoothing' ? 'flag' : 'derived' },
    });
    const tried = [...ended.stderr.matchAll(/^auto {3}'(.*)': average radius ([\d.]+) on 8 held-out/gm)];
    expect(tried.map(([, cut]) => cut)).toEqual(['input', 'conv', 'Relu_1', 'Flatten_2']);
    const most = Math.max(...tried.map(([, , radius]) => Number(radius)));
    const chosen = tried.find(([, cut]) => cut === cutOf(header));
    expect(Number(chosen?.[2])).toBe(most);
    expect(most).toBeGreaterThan(0);
  });

  it('--split auto compares the cuts at the same noise at the input', async () => {
    const pixels = new Float32Array(9 * 784).fill(0.5);
    writeFileSync(path('grey.npz'), npz({ images: npy('<f4', [9, 28, 28], pixels) }));
    const { ended } = await certified(
      'matched.jsonl',
      ...['--data', 'grey.npz', '--split', 'auto', '--sigma', '0.01'],
    );
    const tried = [...ended.stderr.matchAll(/^auto {3}'(.*)': average radius .* at sigma ([\d.]+)$/gm)];
    const prepared = await prepareClassifier(await loadModel(path('net.onnx')), undefined, {
      layout: 'nchw',
      scale: 1,
      imageShape: [1, 28, 28],
    });
    const matched = tried.map(([, name]) => {
      if (name === 'input') return [name, 0.01] as const;
      const left = leftHalfBoundAt(prepared, findCut(prepared.cuts, name ?? ''), 'secant', 1e-6);
      return [name, 0.01 * globalLipschitz(left, PILOT_SEED)] as const;
    });
    expect(matched.map(([name]) => name)).toEqual(['input', 'conv', 'Relu_1', 'Flatten_2']);
    for (const [k, [, sigma]] of matched.entries()) {
      // Noise levels are printed with four digits.
      expect(Number(tried[k]?.[2]) / sigma).toBeCloseTo(1, 3);
    }
    expect(matched[1]?.[1]).toBeGreaterThan(0.012);
  });

  it('--split auto omits cuts where only balls have a bound, which match no noise level', async () => {
    const nodes = (glyphParts.nodes ?? []).map((n) =>
      n.opType === 'Relu' ? node('Mul', ['h', 'h'], 'a', { name: 'Mul_1' }) : n,
    );
    writeModel(folder, 'squared.onnx', glyphProto({ nodes }));
    const auto = [
      '--data',
      'glyphs',
      '--max',
      '1',
      '--n',
      '100',
      '--n0',
      '20',
      '--split',
      'auto',
      '--sigma',
      '0.1',
    ];
    const ended = await splitz(
      folder,
      'certify',
      'squared.onnx',
      ...auto,
      '--no-baseline',
      '--out',
      's.jsonl',
    );
    expect(ended.stderr).toMatch(/^pilot {2}'Mul_1' is omitted: its left half has no Lipschitz constant/m);
    expect(ended.code).toBe(0);
  });
});

describe.concurrent('which split', () => {
  it.each([
    ['input', 'input'],
    ['3', 'Flatten_2'],
  ])('--split %s cuts at %s', async (spec, cut) => {
    const { header, records } = await certified(`split-${spec}.jsonl`, '--split', spec, '--max', '2');
    expect(cutOf(header)).toBe(cut);
    const methods = header.series.map(({ method }) => method);
    expect(methods).toEqual(spec === 'input' ? ['smoothing'] : ['splitz', 'smoothing']);
    expect(records.every(({ series }) => series.length === methods.length)).toBe(true);
  });

  it('--no-baseline runs the split alone, with the same votes', async () => {
    const { header, records } = await certified('alone.jsonl', '--no-baseline', '--max', '2');
    expect(header.series.map(({ method }) => method)).toEqual(['splitz']);
    expect(records.map((record) => countsOf(record))).toEqual(
      readResults(path('whole.jsonl'))
        .records.slice(0, 2)
        .map((record) => countsOf(record)),
    );
  });

  it('--lipschitz power is called an estimate, not a bound, wherever its radii appear', async () => {
    const { header, records, ended } = await certified('power.jsonl', '--lipschitz', 'power', '--max', '2');
    expect(header.series.map(({ guarantee }) => guarantee)).toEqual(['estimate, not a bound', 'certificate']);
    expect(records).toHaveLength(2);
    expect(ended.stdout).toContain('ESTIMATE, NOT A BOUND');
    const tsv = await run('--lipschitz', 'power', '--max', '1', '--out', '-', '--format', 'tsv');
    expect(tsv.stdout).toContain('estimate');
    const json = await run('--lipschitz', 'power', '--max', '2', '--out', 'power.jsonl', '--json');
    expect(json.stdout).toContain('"guarantee":"estimate, not a bound"');
  });
});

describe.concurrent('what is printed', () => {
  it('the result goes to stdout, all else to stderr, and --quiet leaves stderr empty', async () => {
    const { ended } = await certified('quiet.jsonl', '--max', '2', '--quiet');
    expect(ended.stderr).toBe('');
    expect(ended.stdout).toContain('certified accuracy at radius');
    expect(ended.stdout).toContain('plain smoothing');
  });

  it('--format tsv is the table of Cohen et al.', async () => {
    const { ended, records } = await certified('tsv.jsonl', '--max', '3', '--format', 'tsv');
    const [head, ...rows] = ended.stdout.trimEnd().split('\n');
    expect(head).toBe('idx\tlabel\tpredict\tradius\tcorrect\ttime');
    expect(rows).toHaveLength(3);
    for (const [k, row] of rows.entries()) {
      const [index, label, predict, radius, correct] = row.split('\t');
      const record = records[k];
      expect([Number(index), Number(label)]).toEqual([record?.index, record?.label]);
      if (record === undefined) throw new Error('one row per record');
      const own = ownVerdict(record);
      expect(Number(predict)).toBe(own.prediction ?? -1);
      expect(Number(radius)).toBeLessThanOrEqual(own.radius);
      expect(correct).toBe(own.prediction === record.label ? '1' : '0');
    }
  });

  it('--format jsonl is the file itself, and --out - the same without a file', async () => {
    const { ended } = await certified('lines.jsonl', '--max', '2', '--format', 'jsonl');
    expect(ended.stdout).toBe(readFileSync(path('lines.jsonl'), 'utf8'));
    const { folder: empty, remove: removeEmpty } = newFolder();
    try {
      writeModel(empty, 'net.onnx');
      const streamed = await splitz(empty, 'certify', 'net.onnx', ...QUICK, '--max', '2', '--out', '-');
      expect(streamed.code).toBe(0);
      expect(parseResults(streamed.stdout).records.map(outcome)).toEqual(
        parseResults(ended.stdout).records.map(outcome),
      );
      expect(existsSync(join(empty, 'net.Relu_1.jsonl'))).toBe(false);
    } finally {
      removeEmpty();
    }
  });

  it('--json is one document with the run and its summary', async () => {
    const { ended, header } = await certified('json.jsonl', '--max', '2', '--json');
    const document: unknown = JSON.parse(ended.stdout);
    expect(ended.stdout.trimEnd()).not.toContain('\n');
    expect(document).toMatchObject({
      run: { series: header.series },
      summary: expect.anything(),
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('the file is named after model and cut when --out says nothing', async () => {
    const { folder: other, remove: removeOther } = newFolder();
    try {
      writeModel(other, 'net.onnx');
      expect((await splitz(other, 'certify', 'net.onnx', ...QUICK, '--max', '1')).code).toBe(0);
      expect(readResults(join(other, 'net.Relu_1.jsonl')).records).toHaveLength(1);
      expect(existsSync(join(other, 'net.Relu_1.jsonl.lock'))).toBe(false);
    } finally {
      removeOther();
    }
  });
});

describe.concurrent('defaults in the model', () => {
  const metadata = {
    'splitz.split': 'Flatten_2',
    'splitz.sigma': '0.4',
    'splitz.dataset': 'glyphs:5',
    'splitz.mean': '0.25',
    'splitz.std': '0.5',
  };

  it('are used and marked "model metadata"; nothing but the model is needed', async () => {
    writeModel(folder, 'described.onnx', glyphProto({}, metadata));
    const ended = await splitz(
      folder,
      ...['certify', 'described.onnx', '--max', '1', '--n', '100', '--out', 'described.jsonl'],
    );
    expect(ended.code).toBe(0);
    const { header } = readResults(path('described.jsonl'));
    expect(cutOf(header)).toBe('Flatten_2');
    const origin = 'model metadata';
    expect(header.series[0]?.settings).toMatchObject({ sigma: { value: 0.4, origin } });
    expect(header.intake).toMatchObject({
      mean: { value: [0.25], origin },
      std: { value: [0.5], origin },
      scale: { value: 1, origin: 'default' },
    });
    expect(ended.stderr).toContain('drawn with seed 5');
    expect(ended.stderr).toContain('sigma 0.4 (model metadata)');
  });

  it('are overridden by flags, marked "flag"', async () => {
    writeModel(folder, 'overridden.onnx', glyphProto({}, metadata));
    const ended = await splitz(
      folder,
      ...['certify', 'overridden.onnx', '--max', '1', '--n', '100', '--out', 'overridden.jsonl'],
      ...['--split', 'input', '--sigma', '0.2', '--mean', '0', '--data', 'glyphs'],
    );
    expect(ended.code).toBe(0);
    const { header } = readResults(path('overridden.jsonl'));
    expect(header.series.map(({ method }) => method)).toEqual(['smoothing']);
    expect(settingsOf(header)['sigma']).toBe(0.2);
    expect(header.intake).toMatchObject({
      mean: { value: [0], origin: 'flag' },
      std: { value: [0.5], origin: 'model metadata' },
    });
    expect(ended.stderr).toContain('drawn with seed 1');
  });
});

describe('a model of uint8 pixels', () => {
  const { nodes, initializers = [] } = glyphParts;
  /** The network behind `head`, which makes x of 'pixels'. */
  const behind = (head: NodeProto[], type: number) =>
    glyphProto({
      nodes: [...head, node('Div', ['whole', 'c255'], 'x', { name: 'Div' }), ...nodes],
      initializers: [...initializers, floatTensor('c255', [], [255]), floatTensor('c0', [], [0])],
      inputs: [tensorInfo('pixels', type, ['N', 1, 28, 28])],
    });
  beforeAll(() => {
    const cast = node('Cast', ['pixels'], 'whole', { attribute: [intAttr('to', DataType.FLOAT)] });
    writeModel(folder, 'uint8.onnx', behind([cast], DataType.UINT8));
    const rounding = [node('Round', ['pixels'], 'r'), node('Clip', ['r', 'c0', 'c255'], 'whole')];
    writeModel(folder, 'rounding.onnx', behind(rounding, DataType.FLOAT));
  });
  const at = (model: string, ...args: string[]) =>
    splitz(
      folder,
      ...['certify', model, '--data', 'glyphs', '--n', '300', '--n0', '20', '--sigma', '0.02', '--seed', '0'],
      ...['--max', '6', '--no-baseline', ...args],
    );

  it('is certified at the input as the float network that rounds and clips its pixels', async () => {
    const plain = ['--split', 'input', '--scale', '255'];
    const ends = await Promise.all([
      at('uint8.onnx', ...plain, '--out', 'uint8.jsonl'),
      at('rounding.onnx', ...plain, '--out', 'rounding.jsonl'),
    ]);
    expect(ends.map(({ code }) => code)).toEqual([0, 0]);
    const { records } = readResults(path('uint8.jsonl'));
    expect(records.map(outcome)).toEqual(readResults(path('rounding.jsonl')).records.map(outcome));
    expect(records.some((record) => ownVerdict(record).radius > 0)).toBe(true);
  });

  it('has no bound behind its pixels: refused by name, with the cut that there is', async () => {
    const { code, stderr } = await at('uint8.onnx', '--scale', '255');
    expect(code).toBe(3);
    expect(stderr).toMatch(/Round node 'pixels_rounded' is a step function[\s\S]*do: +Cut earlier: the last/);
  });

  it('is told that it takes 0..255', async () => {
    const { stdout } = await splitz(folder, 'inspect', 'uint8.onnx', '--json', '--seconds', '0.1');
    const { findings } = JSON.parse(stdout) as { findings: readonly { id: string; what: string }[] };
    expect(findings.find(({ id }) => id === 'SPLITZ026')?.what).toMatch(/expect 0\.\.255/);
  });
});

describe('Ctrl-C', () => {
  it('ends with 130, says how to resume, keeps the whole records, and the rest follows to the same bytes', async () => {
    const common = ['certify', 'net.onnx', ...QUICK, '--n', '3000', '--max', '25', '--workers', '1'];
    const { child, ended } = start(folder, [...common, '--out', 'interrupted.jsonl']);
    child.stderr?.on('data', (text: string) => {
      if (/^[2-9]\/25 images/m.test(text)) child.kill('SIGINT');
    });
    const { code, stderr, stdout } = await ended;
    expect(code).toBe(130);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/error: interrupted\n[\s\S]*do: +Run the same command again: it continues/);
    expect(stderr).not.toContain('    at ');
    expect(existsSync(path('interrupted.jsonl.lock'))).toBe(false);
    const before = readResults(path('interrupted.jsonl')).records.length;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(25);
    const [resumed, uninterrupted] = await Promise.all([
      splitz(folder, ...common, '--out', 'interrupted.jsonl'),
      splitz(folder, ...common, '--out', 'uninterrupted.jsonl'),
    ]);
    expect([resumed.code, uninterrupted.code]).toEqual([0, 0]);
    expect(resumed.stderr).toContain(`resumed after ${before} images`);
    expect(withoutTimes(path('interrupted.jsonl'))).toBe(withoutTimes(path('uninterrupted.jsonl')));
  });
});
