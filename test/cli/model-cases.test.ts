/** Model files as people have them, each of a kind that once ended in the wrong words, or in none. */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { EXTERNAL, type TensorProto } from '../../src/onnx/model/proto.ts';
import { sharedFolder } from '../onnx/shared.ts';
import { node, tinyProto } from '../onnx/tiny-model.ts';
import { newFolder, readResults, splitz } from './command-line.ts';

const cases = join(sharedFolder, 'cases');
const absent = existsSync(cases) ? null : 'the shared cases are not on this machine';
const title = (text: string): string => (absent === null ? text : `${text} (skipped: ${absent})`);
const file = (name: string, of: string): string => join(cases, name, of);

const { folder, remove } = newFolder();
afterAll(remove);

/** Three images of 8 by 8 pixels in colour, in folders of classes. */
const images = `images:${file('class-folder-dropped', 'full')}`;
const quick = ['--no-baseline', '--n', '200', '--workers', '1', '--seed', '7', '--max', '1'];

describe.skipIf(absent !== null)(title('not-onnx-files'), () => {
  it('a git-lfs pointer is named as such, with what fetches the file', async () => {
    const ended = await splitz(folder, 'inspect', file('not-onnx-files', 'lfs.onnx'));
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain('this is a git-lfs pointer');
    expect(ended.stderr).toContain('git lfs pull');
  });

  it('a model packed with gzip is certified, under the digest of the packed file', async () => {
    const packed = file('not-onnx-files', 'net.onnx.gz');
    const ended = await splitz(folder, 'certify', packed, '--data', images, ...quick, '--sigma', '0.1');
    expect(ended.stderr).not.toContain('error');
    expect(ended.code).toBe(0);
    const [written] = readdirSync(folder).filter((name) => name.startsWith('net.'));
    expect(written).not.toContain('.gz');
    const { header } = readResults(join(folder, written ?? ''));
    expect(header.model.files[0]?.sha256).toBe(
      createHash('sha256').update(readFileSync(packed)).digest('hex'),
    );
  });
});

describe.skipIf(absent !== null)(title('double-conv'), () => {
  it('a float64 convolution is refused for its type, which no operator set mends', async () => {
    const ended = await splitz(
      folder,
      'certify',
      file('double-conv', 'double.onnx'),
      '--data',
      images,
      ...quick,
    );
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain('no CPU implementation of Conv for DOUBLE');
    expect(ended.stderr).toContain('Export the network in float32');
    expect(ended.stderr).not.toContain('operator set:');
  });
});

describe.skipIf(absent !== null)(title('open-height-width'), () => {
  const data = ['--data', `npz:${file('open-height-width', 'rand8.npz')}`];

  it.each(['dyn_hw', 'dyn_hf'])(
    '%s: takes the size of the data, when certified and when verified',
    async (name) => {
      const model = file('open-height-width', `${name}.onnx`);
      const settings = ['--split', 'first', '--sigma', '0.1', '--out', `${name}.jsonl`];
      const certified = await splitz(folder, 'certify', model, ...data, ...settings, ...quick);
      expect(certified.stderr).not.toContain('error');
      expect(certified.code).toBe(0);
      const { header } = readResults(join(folder, `${name}.jsonl`));
      expect(header.findings.map(({ id }) => id)).toContain('SPLITZ033');
      const verified = await splitz(folder, 'verify', `${name}.jsonl`, model, ...data, '--bounds', '1');
      expect(verified.stderr).not.toContain('error');
      expect(verified.code).toBe(0);
    },
  );

  it('predict, attack and inspect take it too; inspect without data asks for a shape, by a flag it has', async () => {
    const model = file('open-height-width', 'dyn_hw.onnx');
    const noise = ['--sigma', '0.1', '--workers', '1', '--seed', '7'];
    expect((await splitz(folder, 'predict', model, ...data, ...noise, '--n', '100')).code).toBe(0);
    const steps = ['--steps', '2', '--restarts', '1', '--draws', '8', '--workers', '1', '--out', 'a.jsonl'];
    expect((await splitz(folder, 'attack', 'dyn_hw.jsonl', model, ...data, ...steps)).code).toBe(0);
    expect((await splitz(folder, 'inspect', model, ...data)).stdout).toContain('3×8×8');
    const alone = await splitz(folder, 'inspect', model);
    expect(alone.code).toBe(3);
    expect(alone.stderr).toContain('--input-shape 3,32,32');
    expect((await splitz(folder, 'inspect', model, '--input-shape', '3,8,8')).code).toBe(0);
  });
});

describe.skipIf(absent !== null)(title('nan-under-noise'), () => {
  it.each(['nan_gamma', 'nan_sqrt'])(
    '%s: refused for NaN scores under noise, by the node they come from',
    async (name) => {
      const data = ['--data', images, '--split', 'input', '--sigma', '0.25'];
      const ended = await splitz(
        folder,
        'certify',
        file('nan-under-noise', `${name}.onnx`),
        ...data,
        ...quick,
      );
      expect(ended.code).toBe(3);
      expect(ended.stderr).toContain(
        "the network answers with NaN or infinite scores under noise at 'input'",
      );
      expect(ended.stderr).toMatch(/(Pow node 'gamma'|Sqrt node 'sqrt')/);
      expect(ended.stderr).not.toContain('mixes the rows');
    },
  );
});

describe('over-2gib', () => {
  /** What make.py of the case writes, its data files as sparse as there. */
  function large(): string {
    const side = 1_450_000;
    const shapes = { w1: [192, side], b1: [side], w3: [192, side], w2: [side, 3] };
    const initializers = Object.entries(shapes).map(([name, dims]): TensorProto => {
      const bytes = 4 * dims.reduce((product, dim) => product * dim, 1);
      writeFileSync(join(folder, `${name}.bin`), '');
      truncateSync(join(folder, `${name}.bin`), bytes);
      const entries = { location: `${name}.bin`, offset: '0', length: `${bytes}` };
      const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
      return { name, dataType: DataType.FLOAT, dims, dataLocation: EXTERNAL, externalData };
    });
    const nodes = [
      node('Flatten', ['x'], 'f'),
      node('Gemm', ['f', 'w1', 'b1'], 'a'),
      node('Relu', ['a'], 'r'),
      node('Gemm', ['f', 'w3', 'b1'], 'c'),
      node('Add', ['r', 'c'], 's'),
      node('Gemm', ['s', 'w2'], 'y'),
    ];
    const path = join(folder, 'big.onnx');
    writeFileSync(path, encodeModel(tinyProto({ nodes, initializers, input: ['N', 3, 8, 8] })));
    return path;
  }

  it('weights of 2.25 GB in two files are refused at once, for their size', async () => {
    const ended = await splitz(folder, 'inspect', large());
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain('the weights take 2.25 GB');
    expect(ended.stderr).not.toContain('onnx.checker');
    expect(ended.seconds).toBeLessThan(15);
  });
});

describe.skipIf(absent !== null)(title('hf-cache-symlinks'), () => {
  it('a model in the cache of the hub opens with --follow-links, which the refusal names', async () => {
    const [blobs, snapshot] = [join(folder, 'hub/blobs'), join(folder, 'hub/snapshots/0')];
    for (const made of [blobs, snapshot]) mkdirSync(made, { recursive: true });
    for (const [k, name] of ['model.onnx', 'model.onnx_data'].entries()) {
      copyFileSync(file('hf-cache-symlinks/plain', name), join(blobs, `${k}`));
      symlinkSync(`../../blobs/${k}`, join(snapshot, name));
    }
    const model = join(snapshot, 'model.onnx');
    const refused = await splitz(folder, 'inspect', model);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('--follow-links');
    const opened = await splitz(folder, 'inspect', model, '--follow-links');
    expect(opened.stderr).not.toContain('error');
    expect(opened.code).toBe(0);
    const settings = ['--data', images, '--follow-links', '--sigma', '0.1', '--out', 'hub.jsonl'];
    expect((await splitz(folder, 'certify', model, ...settings, ...quick)).code).toBe(0);
    const audit = ['verify', 'hub.jsonl', model, '--data', images];
    expect((await splitz(folder, ...audit, '--follow-links')).code).toBe(0);
    expect((await splitz(folder, ...audit)).code).toBe(3);
  });
});

describe.skipIf(absent !== null)(title('long-cut-name'), () => {
  it('a cut with a name of 330 characters gets a result file with a shorter one, and is continued', async () => {
    const data = ['--data', images, '--split', '1', '--sigma', '0.1'];
    const certify = () => splitz(folder, 'certify', file('long-cut-name', 'n_long.onnx'), ...data, ...quick);
    expect((await certify()).code).toBe(0);
    const written = readdirSync(folder).filter((name) => name.startsWith('n_long.'));
    expect(written).toHaveLength(1);
    expect(written[0]?.length).toBeLessThan(200);
    expect((await certify()).code).toBe(0);
    expect(readdirSync(folder).filter((name) => name.startsWith('n_long.'))).toEqual(written);
  });
});
