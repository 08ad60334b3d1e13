/**
 * Every file of the shared folder gets its verdict and its findings. The expectations were read through by hand against
 * the catalogue and the list of pitfalls (peers.md b.3); UPDATE_FINDINGS=1 writes them anew, to be read through again.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import { inspectModel } from '../../src/inspection/inspection.ts';
import { encodeModel } from '../../src/onnx/model/codec.ts';
import { DataType } from '../../src/onnx/model/data-type.ts';
import { catalogue, modelFiles, noShared, sharedFolder, titled } from '../onnx/shared.ts';
import { floatTensor, node, tinyProto, twoLayers } from '../onnx/tiny-model.ts';

interface Expectation {
  readonly verdict: 'certifiable' | 'refused';
  /** Ids, errors first. */
  readonly findings: readonly string[];
}

const place = new URL('./shared-findings.json', import.meta.url);
const expected = JSON.parse(readFileSync(place, 'utf8')) as Record<string, Expectation>;
const found: Record<string, Expectation> = {};

const folders = ['awkward', 'malformed', 'noise-trained', 'one-network-many-exports', 'real'];
const files = folders.flatMap(modelFiles);
const nameOf = (file: string): string => relative(`${sharedFolder}/models`, file);

/** Norms are not what is looked at here. */
const quick = { milliseconds: 0 };

describe.skipIf(noShared !== null)(titled('every shared model, inspected'), () => {
  it('is listed', () => {
    expect(files.map(nameOf).sort()).toEqual(Object.keys(expected).sort());
  });

  it.each(files.map((file) => [nameOf(file), file]))(
    '%s has its verdict and findings',
    async (name, file) => {
      const { refusal, findings, cuts } = await inspectModel(file, quick);
      const verdict = refusal === null ? 'certifiable' : 'refused';
      found[name] = { verdict, findings: findings.map(({ id }) => id) };
      if (process.env['UPDATE_FINDINGS'] === undefined) expect(found[name]).toEqual(expected[name]);
      expect(cuts.length > 0).toBe(refusal === null);
      for (const { what, where, why, remedy } of findings) {
        for (const text of [what, where, why, remedy]) expect(text).toBeTruthy();
        // Nothing of the machine it runs on.
        expect(`${where} ${what}`).not.toContain(sharedFolder);
      }
    },
  );

  it('agrees with the catalogue: the catalogued classifiers with float32 ends can all be certified', () => {
    const classifiers = catalogue().filter(
      (e) => e.firstTestOutput && !e.file.endsWith('resnet20_fp16.onnx') && e.file.endsWith('.onnx'),
    );
    expect(classifiers.length).toBeGreaterThan(25);
    for (const { file } of classifiers)
      expect(expected[file.replace(/^models\//, '')]?.verdict, file).toBe('certifiable');
  });
});

afterAll(() => {
  if (process.env['UPDATE_FINDINGS'] !== undefined && Object.keys(found).length > 0)
    writeFileSync(place, `${JSON.stringify(found, null, 2)}\n`);
});

describe('an inspection', () => {
  const folder = mkdtempSync(join(tmpdir(), 'splitz-inspection-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const written = (name: string, proto: ReturnType<typeof tinyProto>): string => {
    const path = join(folder, name);
    writeFileSync(path, encodeModel(proto));
    return path;
  };

  it('says all it can about a refused model: what the file shows, and the refusal itself', async () => {
    const [dense, relu, scores] = twoLayers.nodes as [
      ReturnType<typeof node>,
      ReturnType<typeof node>,
      ReturnType<typeof node>,
    ];
    const proto = tinyProto({
      ...twoLayers,
      nodes: [
        { ...dense, docString: 'mail me@example.org' },
        relu,
        { ...scores, input: ['nowhere', 'fc2.weight'] },
      ],
    });
    const { refusal, findings, model, cuts } = await inspectModel(written('dangling.onnx', proto), quick);
    expect(refusal?.report.what).toContain("reads 'nowhere'");
    expect(findings.map(({ id }) => id)).toEqual(['SPLITZ001', 'SPLITZ013']);
    expect(findings[0]?.where).toBe("input 'nowhere'");
    expect([model, cuts]).toEqual([null, []]);
  });

  it('refuses training mode, unless it is forced into evaluation mode, which is told', async () => {
    const truth = { name: 'truth', dataType: DataType.BOOL, dims: [], rawData: Uint8Array.of(1) };
    const ones = (name: string) => floatTensor(name, [4], [1, 1, 1, 1]);
    const proto = tinyProto({
      nodes: [
        node('Dropout', ['x', '', 'truth'], 'd', { name: 'drop' }),
        node('BatchNormalization', ['d', 'g', 'b', 'm', 'v'], 'n'),
        node('Relu', ['n'], 'y'),
      ],
      initializers: [truth, ...['g', 'b', 'm', 'v'].map(ones)],
      output: ['N', 4],
    });
    const path = written('training.onnx', proto);
    const refused = await inspectModel(path, quick);
    expect(refused.refusal?.report.remedy).toContain('--force-eval');
    expect(refused.findings.map(({ id }) => id)).toEqual(['SPLITZ001', 'SPLITZ002']);
    const forced = await inspectModel(path, { ...quick, forceEval: true });
    expect(forced.refusal).toBeNull();
    // The Dropout, once it drops nothing, is removed.
    expect(forced.findings.map(({ id }) => id)).toEqual(['SPLITZ027', 'SPLITZ028']);
    expect(forced.model?.modifications).toHaveLength(1);
  });

  it('is not a refusal when the path leads to no file', async () => {
    await expect(inspectModel(join(folder, 'none.onnx'), quick)).rejects.toBeInstanceOf(UsageError);
  });
});
