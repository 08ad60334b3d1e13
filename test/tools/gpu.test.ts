import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const tools = fileURLToPath(new URL('../../tools/gpu', import.meta.url));
const folders: string[] = [];
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'splitz-gpu-test-'));
  folders.push(made);
  return made;
}
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true });
});

const dry = (out: string, more: Readonly<Record<string, string>>) =>
  spawnSync('bash', [join(tools, 'run.sh')], {
    env: { ...process.env, DRY: '1', OUT: out, ...more },
    encoding: 'utf8',
  });
const written = (out: string, file: string): string => readFileSync(join(out, file), 'utf8');

/** CIFAR-10 of a few images. */
function fewImages(): string {
  const made = folder();
  const records = (count: number): Uint8Array =>
    Uint8Array.from({ length: count * 3073 }, (_, i) =>
      i % 3073 === 0 ? (i / 3073) % 10 : (i * 7919) % 251,
    );
  for (let k = 1; k <= 5; k++) writeFileSync(join(made, `data_batch_${k}.bin`), records(40));
  writeFileSync(join(made, 'test_batch.bin'), records(80));
  return made;
}

describe('the tables of a run', () => {
  const votes = (counts: number[]) => ({ prediction: 0, radius: 0.5, evidence: { counts, nonFinite: 0 } });
  const lines = (...counts: number[][]) =>
    counts
      .map((each, index) => `${JSON.stringify({ kind: 'certificate', index, series: [votes(each)] })}\n`)
      .join('');
  const node = (...command: string[]) => spawnSync(process.execPath, command, { encoding: 'utf8' });

  it('count the votes that moved, and name what did not run', () => {
    const [records, out] = [folder(), folder()];
    writeFileSync(join(records, 'a.cpu.jsonl'), lines([90, 10], [50, 50]));
    writeFileSync(join(records, 'a.cuda.jsonl'), lines([88, 12], [50, 50]));
    for (const provider of ['cpu', 'cuda']) writeFileSync(join(records, `a.${provider}.error`), '');
    writeFileSync(join(records, 'a.webgpu.error'), 'error: no Vulkan\n');
    const verdicts = node(join(tools, 'verdicts.mjs'), records);
    writeFileSync(join(out, 'verdicts.json'), verdicts.stdout);
    // The second line was being written when the run was stopped.
    const row = {
      network: 'n',
      runtime: 'r',
      batch: 8,
      withNoise: 1234.4,
      withSharedNoise: 1500,
      networkAlone: 2000,
      provider: 'cuda',
    };
    writeFileSync(join(out, 'throughput.jsonl'), `${JSON.stringify(row)}\n{"network":`);
    const { stdout, status } = node(join(tools, 'to-markdown.mjs'), out, '--require', 'cuda');
    expect(stdout).toContain('| a | cuda | 2 of 2 | 1 of 2 | 2 of 200 | 0.0e+0 |');
    expect(stdout).toContain('| a | webgpu: not run: error: no Vulkan |');
    expect(stdout).toContain('| n | r | 8 | 1,234 | 1,500 | 2,000 | device |');
    expect(status).toBe(0);
    expect(node(join(tools, 'to-markdown.mjs'), out, '--require', 'webgpu').status).toBe(1);
  });
});

describe('pieces', () => {
  it('are unpacked when the last has arrived, in any order, and not when one is damaged', () => {
    const [made, target] = [folder(), join(folder(), 'bundle')];
    writeFileSync(join(made, 'file'), 'contents');
    spawnSync('tar', ['-C', made, '-cJf', join(made, 'all'), 'file']);
    const bytes = readFileSync(join(made, 'all'));
    const parts = [bytes.subarray(0, 50), bytes.subarray(50)];
    const sums = parts.map(
      (part, i) => `${createHash('sha256').update(part).digest('hex')}  part-${i + 1}\n`,
    );
    const unpack = (k: number, content: Uint8Array) => {
      const piece = join(made, `piece-${k}`);
      mkdirSync(piece, { recursive: true });
      writeFileSync(join(piece, `part-${k}`), content);
      writeFileSync(join(piece, 'SHA256SUMS'), sums.join(''));
      return spawnSync('bash', [join(tools, 'unpack.sh'), piece, target], { encoding: 'utf8' });
    };
    expect(unpack(2, parts[1] ?? bytes).stdout).toContain('part-1 is still to come');
    expect(unpack(1, bytes.subarray(0, 49)).status).not.toBe(0);
    expect(existsSync(join(target, 'file'))).toBe(false);
    expect(unpack(1, parts[0] ?? bytes).stdout).toContain('all 2 pieces are in');
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('contents');
  });
});

describe('a dry run', () => {
  it('goes on behind a step that fails, and says so', () => {
    const out = folder();
    const { status, stdout } = dry(out, { STEPS: '3 5', CIFAR: join(out, 'nowhere') });
    expect(written(out, 'steps.txt')).toMatch(/step 3 .*exit 1\nstep 5 .*exit 1\nended after/);
    expect(written(out, 'log.txt')).toContain('pack with --cifar FOLDER');
    expect(stdout).toContain('### Seconds per image\n\nNot run.');
    expect(status).toBe(1);
  });

  it.skipIf(process.env['GPU_DRY_RUN'] === undefined)(
    'does every step within ten minutes (skipped without GPU_DRY_RUN=1)',
    () => {
      const out = folder();
      const began = performance.now();
      const { status, stdout } = dry(out, { CIFAR: fewImages() });
      expect(performance.now() - began).toBeLessThan(600_000);
      expect(written(out, 'steps.txt').match(/exit 0/g)?.length).toBe(5);
      expect(stdout.match(/^\| ResNet-110 \|/gm)?.length).toBeGreaterThan(0);
      expect(stdout.match(/^\| resnet20 \| cpu/gm)?.length).toBe(2);
      expect(existsSync(join(out, 'resnet20.noise-0.25.onnx'))).toBe(true);
      expect(status).toBe(0);
    },
    600_000,
  );
});
