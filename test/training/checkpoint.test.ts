import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../src/ground/errors.ts';
import { type Checkpoint, loadCheckpoint, saveCheckpoint } from '../../src/training/checkpoint.ts';
import type { HostTensor } from '../../src/training/program.ts';

const folder = mkdtempSync(join(tmpdir(), 'splitz-checkpoint-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'net.onnx.checkpoint');

const identity = { model: 'm', data: 'd', settings: { epochs: 3, loss: 'gaussian:draws=1' } };
const checkpointOf = (state: ReadonlyMap<string, Float32Array>): Checkpoint => ({
  identity,
  engine: 'some engine',
  position: { epoch: 2, step: 7 },
  sums: { count: 7, sums: { loss: 1.5 } },
  history: [{ epoch: 1, loss: 2 }],
  state,
});
const programOf = (state: ReadonlyMap<string, Float32Array>): Map<string, HostTensor> =>
  new Map([...state].map(([name, values]) => [name, { dims: [values.length], values }]));

describe('a checkpoint', () => {
  it('comes back as it was saved, to the bit: NaN, infinities, -0 and subnormals too', async () => {
    const words = fc.uint32Array({ minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string({ minLength: 1 }), words), async (bits) => {
        const state = new Map(
          Object.entries(bits).map(([name, w]) => [name, new Float32Array(Uint32Array.from(w).buffer)]),
        );
        await saveCheckpoint(path, checkpointOf(state));
        const back = await loadCheckpoint(path, identity, programOf(state));
        expect(back).toMatchObject({ engine: 'some engine', position: { epoch: 2, step: 7 } });
        expect(back?.history).toEqual([{ epoch: 1, loss: 2 }]);
        for (const [name, values] of state)
          expect(new Uint32Array(back?.state.get(name)?.buffer ?? new ArrayBuffer(0))).toEqual(
            new Uint32Array(values.buffer),
          );
      }),
      { numRuns: 30, seed: 1 },
    );
  });

  it('is null when there is no file', async () => {
    expect(await loadCheckpoint(join(folder, 'absent'), identity, new Map())).toBeNull();
  });

  const state = new Map([['w', Float32Array.of(1, 2, 3)]]);
  it.each([
    ['another model', { ...identity, model: 'x' }, /another model/],
    ['other data', { ...identity, data: 'x' }, /other data/],
    [
      'another setting',
      { ...identity, settings: { ...identity.settings, epochs: 4 } },
      /epochs is 3, now it is 4/,
    ],
  ])('of %s is refused by name', async (_, other, says) => {
    await saveCheckpoint(path, checkpointOf(state));
    const refusal = await loadCheckpoint(path, other, programOf(state)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(UsageError);
    expect((refusal as UsageError).report.why).toMatch(says);
  });

  it('is refused when it is torn, is something else, or lacks a tensor of the program', async () => {
    await saveCheckpoint(path, checkpointOf(state));
    const whole = readFileSync(path);
    const refused = async (bytes: Uint8Array): Promise<void> => {
      writeFileSync(path, bytes);
      await expect(loadCheckpoint(path, identity, programOf(state))).rejects.toThrow(UsageError);
    };
    await refused(whole.subarray(0, whole.length - 5));
    await refused(Buffer.from('no checkpoint at all'));
    await saveCheckpoint(path, checkpointOf(new Map()));
    await expect(loadCheckpoint(path, identity, programOf(state))).rejects.toThrow(UsageError);
  });
});
