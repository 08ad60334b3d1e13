/** `sign` as users run it. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPublicKey } from '../../src/attestation/keys.ts';
import { verifySignedStatement } from '../../src/attestation/signed-statement.ts';
import { honestLines } from '../verification/honest.ts';
import { newFolder, splitz } from './command-line.ts';

let work: ReturnType<typeof newFolder>;
const at = (name: string): string => join(work.folder, name);
beforeAll(() => {
  work = newFolder();
  writeFileSync(at('run.jsonl'), honestLines(5).join(''));
});
afterAll(() => work.remove());

describe('sign', () => {
  it('makes a key, signs with it, writes a fragment; and replaces nothing unasked', async () => {
    const made = await splitz(work.folder, 'sign', '--generate-key', 'key.pem');
    expect(made.code).toBe(0);
    if (process.platform !== 'win32') expect(statSync(at('key.pem')).mode & 0o777).toBe(0o600);
    const args = ['sign', 'run.jsonl', '--key', 'key.pem', '--cyclonedx', 'bom.json'];
    const signed = await splitz(work.folder, ...args);
    expect(signed.code).toBe(0);
    const key = readPublicKey(at('key.pub.pem'));
    await expect(verifySignedStatement(at('run.jsonl'), at('run.intoto.jsonl'), key)).resolves.toBeDefined();
    expect(JSON.parse(readFileSync(at('bom.json'), 'utf8'))).toMatchObject({ bomFormat: 'CycloneDX' });
    const again = await splitz(work.folder, ...args);
    expect(again.code).toBe(4);
    expect(again.stderr).toMatch(/run\.intoto\.jsonl/);
    const key2 = await splitz(work.folder, 'sign', '--generate-key', 'key.pem', '--force');
    expect(key2.code).toBe(4);
  });

  it('signs no file that does not hold, and none that is not finished unless told to', async () => {
    const lines = honestLines(5);
    writeFileSync(at('edited.jsonl'), lines.join('').replace('"label":', '"label": '));
    const edited = await splitz(work.folder, 'sign', 'edited.jsonl', '--cyclonedx', 'e.json');
    expect(edited.code).toBe(1);
    expect(edited.stderr).toMatch(/does not hold and was not signed/);
    writeFileSync(at('half.jsonl'), lines.slice(0, 3).join(''));
    const half = await splitz(work.folder, 'sign', 'half.jsonl', '--cyclonedx', 'h.json');
    expect(half.code).toBe(4);
    expect(half.stderr).toMatch(/--unfinished/);
    for (const name of ['e.json', 'h.json']) expect(existsSync(at(name))).toBe(false);
    const told = await splitz(work.folder, 'sign', 'half.jsonl', '--cyclonedx', 'h.json', '--unfinished');
    expect(told.code).toBe(0);
  });

  it('is checked by verify --key: this key, this file', async () => {
    await splitz(work.folder, 'sign', '--generate-key', 'other.pem');
    const holds = await splitz(work.folder, 'verify', 'run.jsonl', '--key', 'key.pub.pem');
    expect(holds.code).toBe(0);
    expect(holds.stdout).toMatch(/signed statement about these bytes/);
    const stranger = await splitz(work.folder, 'verify', 'run.jsonl', '--key', 'other.pub.pem');
    expect([stranger.code, stranger.stderr]).toEqual([1, expect.stringMatching(/not signed with this key/)]);
    writeFileSync(at('six.jsonl'), honestLines(6).join(''));
    const args = ['verify', 'six.jsonl', '--key', 'key.pub.pem', '--statement', 'run.intoto.jsonl'];
    const another = await splitz(work.folder, ...args);
    expect([another.code, another.stderr]).toEqual([1, expect.stringMatching(/not about this result file/)]);
    const keyless = await splitz(work.folder, 'verify', 'run.jsonl', '--statement', 'run.intoto.jsonl');
    expect(keyless.code).toBe(4);
  });

  it('says what is missing', async () => {
    expect((await splitz(work.folder, 'sign')).stderr).toMatch(/result file is missing/);
    expect((await splitz(work.folder, 'sign', 'run.jsonl')).stderr).toMatch(/there is nothing to do/);
  });
});
