/** A signal while a bound of the left half is computed, which takes seconds here: the program hears it at once. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { npy, npz, write } from '../datasets/files.ts';
import { encodedGate } from '../lipschitz/two-stream-gate.ts';
import { randomSource } from '../operators/random.ts';
import { newFolder, readResults, splitz, start } from './command-line.ts';

const { folder, remove } = newFolder();
afterAll(remove);

/** Two seconds are promised; the rest is for a machine that is busy with other things. */
const SECONDS = 5;
const STORED = 4;
const IMAGES = 1;
const SIDE = 112;
const GATE = ['gate.onnx', '--data', 'npz:images.npz'];
const CERTIFY = [
  ...['certify', ...GATE, '--split', 'gated', '--sigma', '0.3', '--n', '100', '--n0', '10', '--seed', '1'],
  ...['--max', String(IMAGES), '--no-baseline', '--workers', '1'],
];

beforeAll(() => {
  write(folder, 'gate.onnx', encodedGate({ channels: 64, side: SIDE }));
  const pixels = Float32Array.from({ length: STORED * 3 * SIDE * SIDE }, randomUnit());
  const x = npy('<f4', [STORED, 3, SIDE, SIDE], pixels);
  write(folder, 'images.npz', npz({ x, y: npy('|u1', [STORED], new Uint8Array(STORED)) }));
});

function randomUnit(): () => number {
  const random = randomSource(4);
  return () => random.uniform(0, 1);
}

/** Runs the program, sends the signal shortly after `ready`, and gives what it said and how long it took to end. */
async function interrupted(
  args: readonly string[],
  ready: (said: string) => boolean,
  signal: 'SIGTERM' | 'SIGINT',
) {
  const { child, ended } = start(folder, args);
  let said = '';
  child.stderr?.on('data', (text: string) => {
    said += text;
  });
  let over = false;
  ended.then(() => {
    over = true;
  });
  while (!over && !ready(said)) await sleep(5);
  await sleep(200);
  expect(over, `it ended by itself: ${said}`).toBe(false);
  const sent = performance.now();
  child.kill(signal);
  const { code, stdout, stderr } = await ended;
  return { code, stdout, stderr, seconds: (performance.now() - sent) / 1000 };
}

const announced = (said: string): boolean => said.includes('slow   bounding the left half at');

describe('a signal in the middle of a bound', () => {
  it('ends certify; the result file is whole and can be resumed', async () => {
    const file = join(folder, 'killed.jsonl');
    const lines = () => (readFileSync(file, 'latin1').match(/\n/g) ?? []).length;
    const killed = await interrupted(
      [...CERTIFY, '--out', 'killed.jsonl'],
      (said) => said.includes('out    killed.jsonl') && lines() === 1,
      'SIGTERM',
    );
    expect(killed).toMatchObject({ code: 130, stdout: '' });
    expect(killed.stderr).toContain('error: interrupted');
    expect(announced(killed.stderr)).toBe(true);
    expect(killed.stderr).not.toMatch(/worker|thread|Error/u);
    expect(killed.seconds).toBeLessThan(SECONDS);
    expect(readResults(file).records).toEqual([]);

    const resumed = await splitz(folder, ...CERTIFY, '--out', 'killed.jsonl');
    expect(resumed.code).toBe(0);
    expect(readResults(file).records).toHaveLength(IMAGES);

    const verify = ['verify', 'killed.jsonl', ...GATE, '--bounds', String(IMAGES)];
    const verifying = await interrupted(verify, announced, 'SIGINT');
    expect(verifying).toMatchObject({ code: 130, stdout: '' });
    expect(verifying.stderr).toContain('error: interrupted');
    expect(verifying.seconds).toBeLessThan(SECONDS);
  }, 600_000);

  it('ends plan', async () => {
    write(folder, 'stem.onnx', encodedGate({ channels: 96, side: SIDE, streams: 1 }));
    const plan = ['plan', 'stem.onnx', ...GATE.slice(1), '--cuts', 's0', '--levels', '0.25', '--draws', '20'];
    const planning = await interrupted([...plan, '--images', '2'], announced, 'SIGTERM');
    expect(planning).toMatchObject({ code: 130, stdout: '' });
    expect(planning.stderr).toContain('error: interrupted');
    expect(planning.seconds).toBeLessThan(SECONDS);
  }, 600_000);
});
