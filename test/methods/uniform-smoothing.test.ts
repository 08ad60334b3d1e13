/** Uniform smoothing as a method: l1 from the record to every command, refused where it proves nothing. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distanceUp } from '../../src/attack/perturbation.ts';
import { UsageError } from '../../src/ground/errors.ts';
import { derivationOf } from '../../src/methods/derivation.ts';
import { openResultFile, openResultStream, readRun } from '../../src/methods/result-files.ts';
import type { VoteEvidence } from '../../src/methods/smoothing/votes.ts';
import { openAttack } from '../../src/runs/attack/attack.ts';
import { targetOfRun } from '../../src/runs/attack/target.ts';
import { type CertifyRequest, openRun, settleRun } from '../../src/runs/certify.ts';
import { openContext } from '../../src/runs/context.ts';
import { predict } from '../../src/runs/predict.ts';
import { replay } from '../../src/runs/replay.ts';
import { verify } from '../../src/runs/verify.ts';
import { runEnd } from '../../src/statistics/run-end.ts';
import { verifyFile } from '../../src/verification/verify-file.ts';
import { writeModel } from '../cli/glyph-network.ts';
import { npy, npz } from '../datasets/files.ts';
import { floatTensor, intAttr, node, tinyProto } from '../onnx/tiny-model.ts';
import { rechained } from '../verification/honest.ts';

const folder = mkdtempSync(join(tmpdir(), 'splitz-uniform-'));
const path = join(folder, 'run.jsonl');
const context = openContext({ workers: 1 });
/** Class 1 where the first of four pixels is above THRESHOLD, between two steps of the grid of λ = 0.5. */
const THRESHOLD = 0.25 + 2 ** -10;
const FIRST = [0.25, 0.5, 0.375, 0.625, 0.75, 0];
let request: CertifyRequest;

async function certified(changes: Partial<CertifyRequest>, out: string): Promise<void> {
  const run = await openRun(await settleRun({ ...request, ...changes }, context), context);
  const file = await openResultFile(out, run.header);
  for await (const record of run.records(0)) await file.append(record);
  await file.finish(runEnd(run.header, file.outcomes, file.digest()));
  await file.close();
  await run.close();
}

beforeAll(async () => {
  const proto = tinyProto({
    nodes: [
      node('Flatten', ['x'], 'f', { attribute: [intAttr('axis', 1)] }),
      node('Gemm', ['f', 'w', 'b'], 'y', { attribute: [intAttr('transB', 1)] }),
    ],
    initializers: [floatTensor('w', [2, 4], [0, 0, 0, 0, 1, 0, 0, 0]), floatTensor('b', [2], [THRESHOLD, 0])],
    input: ['N', 1, 2, 2],
    output: ['N', 2],
  });
  const images = FIRST.flatMap((first) => [first, 0.3, 0.6, 1]);
  const data = join(folder, 'images.npz');
  const labels = BigInt64Array.from(FIRST, (first) => (first > THRESHOLD ? 1n : 0n));
  writeFileSync(
    data,
    npz({
      images: npy('<f4', [FIRST.length, 1, 2, 2], Float32Array.from(images)),
      labels: npy('<i8', [FIRST.length], labels),
    }),
  );
  const model = writeModel(folder, 'net.onnx', proto);
  request = { model, data: `npz:${data}`, method: 'uniform-smoothing', seed: 4 };
  await certified({ settings: { n: 2000 } }, path);
});
afterAll(async () => {
  await context.resources.close();
  rmSync(folder, { recursive: true });
});

const sources = () => ({ run: path, model: request.model, data: request.data });
/** The file with the line of image 1 changed by a forger who builds the chain again. */
async function forgery(change: (evidence: VoteEvidence) => Partial<VoteEvidence> & { radius?: number }) {
  const lines = readFileSync(path, 'utf8').split(/(?<=\n)/u);
  const other = join(folder, 'forged.jsonl');
  const line = JSON.parse(lines[2] ?? '');
  const [own] = line.series;
  const { radius = own.radius, ...evidence } = change(own.evidence);
  line.series = [{ ...own, radius, evidence: { ...own.evidence, ...evidence } }];
  writeFileSync(
    other,
    rechained(lines.map((text, k) => (k === 2 ? `${JSON.stringify(line)}\n` : text))).join(''),
  );
  return (await verifyFile(other, false)).fault?.why.join() ?? 'it holds';
}

describe('uniform smoothing', () => {
  it('records l1, its noise and its λ, and no certified radius exceeds the l1 distance to the boundary', async () => {
    const { header, records } = await readRun(path);
    expect(header.series).toEqual([
      expect.objectContaining({
        ...{ method: 'uniform-smoothing', norm: 'l1' },
        facts: { noise: 'philox4x32-10/uniform-float64/rounded' },
      }),
    ]);
    for (const [k, { series }] of records.entries()) {
      const distance = Math.abs((FIRST[k] ?? 0) - THRESHOLD);
      expect(series[0]?.radius).toBeLessThanOrEqual(distance);
    }
    // 2λ (p_A − 1/2) is the distance itself; what is left of it is what 2,000 draws cannot show.
    expect(records[4]?.series[0]?.radius).toBeGreaterThan(0.9 * (0.75 - THRESHOLD));
    expect(records.map(({ series }) => series[0]?.prediction)).toEqual([null, 1, 1, 1, 1, 0]);
  });

  it('holds when verified against model and data, with every certificate drawn again', async () => {
    const { problem, checked } = await verify({ ...sources(), replay: FIRST.length, seed: 1 }, context);
    expect(problem).toBeNull();
    expect(checked.join('\n')).toContain('τ of every record');
    const { records } = await replay(await readRun(path), sources(), [0, 1, 4], context);
    expect(records.map(({ image, series }) => [image, series])).toEqual([
      [[], [[]]],
      [[], [[]]],
      [[], [[]]],
    ]);
  });

  it.each<[string, (evidence: VoteEvidence) => Partial<VoteEvidence> & { radius?: number }, string]>([
    [
      'a radius of the side 2λ instead of λ',
      (e) => ({ latentRadius: 2 * e.latentRadius, radius: 2 * e.latentRadius * (1 - 2 ** -50) }),
      'latentRadius is',
    ],
    ['a Gaussian radius', () => ({ latentRadius: 0.42, radius: 0.42 }), 'latentRadius is 0.42, above'],
    ['a radius above R_u', (e) => ({ radius: e.latentRadius * 1.01 }), 'above R_u'],
    ['a τ of fewer pixels', (e) => ({ tau: e.tau / 8 }), 'tau is'],
    ['the grid of another λ', (e) => ({ grid: e.grid / 2 }), 'up to lambda / 256'],
    ['a p_A above that of the votes', (e) => ({ pA: e.pA + 0.01 }), 'pA is'],
  ])('does not hold with %s, the chain built again', async (_, change, why) => {
    expect(await forgery(change)).toContain(why);
  });

  it('holds when nothing is changed, so that the forger above is caught by what he changes', async () => {
    expect(await forgery(() => ({}))).toBe('it holds');
  });

  it('is explained in l1', async () => {
    const { header, records } = await readRun(path);
    const derivation = derivationOf(header, records[1] ?? expect.fail('no record'));
    const text = JSON.stringify(derivation);
    expect(derivation.conclusion).toContain('within l1 distance');
    expect(text).toContain('R_u = 2λ · (p_A − 1/2)');
    expect(text).not.toMatch(/l2|σ|Φ/u);
  });

  it.each(['runner-up', 'anytime'] as const)('certifies and holds with the bound %s', async (bound) => {
    const out = join(folder, `${bound}.jsonl`);
    await certified({ settings: { n: 2000, bound } }, out);
    expect((await verifyFile(out, false)).fault).toBeNull();
    const { records } = await readRun(out);
    for (const [k, { series }] of records.entries())
      expect(series[0]?.radius).toBeLessThanOrEqual(Math.abs((FIRST[k] ?? 0) - THRESHOLD));
    expect(records[4]?.series[0]?.radius).toBeGreaterThan(0.5 * (0.75 - THRESHOLD));
  });

  it('predicts under its own noise', async () => {
    const { answers } = await predict({ ...request, settings: { n: 500 } }, [0, 4, 5], context);
    expect(answers.map(({ prediction }) => prediction)).toEqual([null, 1, 0]);
    // P = 1: no draw of [0.25, 1.25] is below the threshold; a normal of deviation 0.5 would be, in 16 %.
    expect(answers[1]?.votes).toBeGreaterThan(490);
  });
});

describe('an attack on certificates in l1', () => {
  const attacked = async (run: string) => {
    const target = await targetOfRun({ ...sources(), run }, { start: 0 });
    const attack = await openAttack(
      target,
      {
        ...{ search: 'auto', steps: 40, restarts: 2, draws: 16, seed: 3, seedOrigin: 'chosen' },
        ...{ threads: 1, clip: false, confirm: 1000, confirmAlpha: 1e-6 },
      },
      context,
    );
    const records = [];
    for await (const { record, contradiction } of attack.images(target.indices))
      records.push({ ...record, contradiction });
    await attack.close();
    return { header: attack.header, records: records.filter(({ radius }) => radius > 0) };
  };

  it('measures in l1: it reaches the threshold of the first pixel, and no certificate is contradicted', async () => {
    const { header, records } = await attacked(path);
    expect(header.certified?.norm).toBe('l1');
    expect(records.length).toBeGreaterThan(2);
    for (const { index, radius, inside, attacked: found, contradiction } of records) {
      expect(contradiction).toBeNull();
      expect(inside?.distance).toBeGreaterThan(0.99 * radius);
      const exact = Math.abs((FIRST[index] ?? 0) - THRESHOLD);
      expect(found?.distance).toBeGreaterThan(radius);
      expect(found?.distance).toBeGreaterThan(0.9 * exact);
      expect(found?.distance).toBeLessThan(1.5 * exact);
    }
  });

  it('contradicts a radius that is three times too large', async () => {
    const other = join(folder, 'inflated.jsonl');
    const lines = readFileSync(path, 'utf8').split(/(?<=\n)/u);
    const inflated = lines.map((text) => {
      const line = JSON.parse(text || '{}');
      if (line.kind !== 'certificate') return text;
      line.series[0].radius *= 3;
      return `${JSON.stringify(line)}\n`;
    });
    writeFileSync(other, rechained(inflated).join(''));
    const { records } = await attacked(other);
    const found = records.flatMap(({ contradiction }) => (contradiction === null ? [] : [contradiction]));
    expect(found.length).toBeGreaterThan(2);
    for (const { image, refuting } of found)
      expect(refuting.distance).toBe(distanceUp(image, refuting.input, 'l1'));
  });
});

describe('uniform smoothing is refused', () => {
  const refusal = async (changes: Partial<CertifyRequest>): Promise<string> => {
    const error = await settleRun({ ...request, ...changes }, context).catch((caught: unknown) => caught);
    if (!(error instanceof UsageError)) return `not refused: ${String(error)}`;
    const { what, why, remedy } = error.report;
    return `${what} | ${why} | ${remedy}`;
  };

  it('at any cut but the input, by name and with a remedy', async () => {
    for (const split of ['first', 'f', '1']) {
      const text = await refusal({ settings: { split } });
      expect(text).toContain('--split does not go with --method uniform-smoothing');
      expect(text).toContain('certified at the input alone');
      expect(text).toContain('Omit --split');
    }
  });

  it('with a sigma, or a λ that makes no grid', async () => {
    expect(await refusal({ settings: { sigma: 0.5 } })).toContain('Give --lambda instead.');
    for (const lambda of [0, 2 ** 101])
      expect(await refusal({ settings: { lambda } })).toContain('--lambda is');
  });

  it('beside a method whose radii are in l2', async () => {
    const text = await refusal({ against: ['smoothing'] });
    expect(text).toContain('its radii are in l2, those of uniform-smoothing in l1');
  });

  it('by the log format of Cohen et al., which would be read as l2', async () => {
    const { header } = await readRun(path);
    await expect(openResultStream(process.stdout, header, 'tsv')).rejects.toThrow('cannot hold l1 radii');
  });
});
