/** Signed statements about result files: what is signed, by whom, and every way in which one does not hold. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { dsse } from '@sigstore/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mlBom } from '../../src/attestation/cyclonedx.ts';
import { envelopeIn, opened, preAuthEncoding, sealed } from '../../src/attestation/envelope.ts';
import { generateKey, keyId, readPrivateKey, readPublicKey } from '../../src/attestation/keys.ts';
import { readAttestedRun } from '../../src/attestation/run-digest.ts';
import { signedStatement, verifySignedStatement } from '../../src/attestation/signed-statement.ts';
import { PAYLOAD_TYPE, statementOf } from '../../src/attestation/statement.ts';
import { DoesNotHold, SplitzError } from '../../src/ground/errors.ts';
import { honestHeader, honestLines } from '../verification/honest.ts';

let folder = '';
let run = '';
let keyPath = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'splitz-sign-'));
  run = file('run.jsonl', honestLines(12).join(''));
  keyPath = join(folder, 'key.pem');
  generateKey(keyPath);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function sign(path: string, key = keyPath): Promise<string> {
  return signedStatement(path, await readAttestedRun(path), readPrivateKey(key));
}

const publicKey = () => readPublicKey(join(folder, 'key.pub.pem'));
const posix = process.platform !== 'win32';

describe('keys', () => {
  it('are a pair of PEM files: the private one for its owner alone', () => {
    if (posix) expect(statSync(keyPath).mode & 0o777).toBe(0o600);
    expect(readFileSync(keyPath, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect(keyId(readPrivateKey(keyPath))).toBe(keyId(publicKey()));
  });

  it('are never overwritten, neither half', () => {
    const before = readFileSync(keyPath);
    expect(() => generateKey(keyPath)).toThrow(/left untouched/);
    const half = join(folder, 'half.pem');
    file('half.pub.pem', 'mine');
    expect(() => generateKey(half)).toThrow(/left untouched/);
    expect(existsSync(half)).toBe(false);
    expect(readFileSync(keyPath)).toEqual(before);
  });

  it('are refused when others can read them, when they are of another type, encrypted, or none', () => {
    const refused = (name: string, text: string, mode = 0o600) => {
      const path = file(name, text);
      chmodSync(path, mode);
      try {
        readPrivateKey(path);
      } catch (error) {
        if (error instanceof SplitzError) return error.report;
        throw error;
      }
      throw new Error('it was taken');
    };
    const pem = readFileSync(keyPath, 'utf8');
    if (posix) expect(refused('open.pem', pem, 0o644).remedy).toMatch(/chmod 600/);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const ec = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(refused('ec.pem', ec).what).toMatch(/type ec/);
    const locked = generateKeyPairSync('ed25519').privateKey.export({
      ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
    } as const);
    expect(refused('locked.pem', locked.toString()).what).toMatch(/not hold a usable private key/);
    expect(refused('none.pem', 'hello').what).toMatch(/not hold a usable private key/);
    expect(() => readPrivateKey(join(folder, 'absent.pem'))).toThrow(/cannot be read/);
  });
});

it('a private key is refused where a public one is wanted, encrypted or not: nobody needs it to verify', () => {
  const locked = generateKeyPairSync('ed25519').privateKey.export({
    ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
  } as const);
  for (const path of [keyPath, file('locked-private.pem', locked.toString())]) {
    let refused: unknown;
    try {
      readPublicKey(path);
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({
      exitCode: 4,
      report: { what: expect.stringContaining('private one'), remedy: expect.stringContaining('.pub.pem') },
    });
  }
});

describe('the envelope', () => {
  it('encodes the example of the DSSE protocol', () => {
    const encoded = preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world'));
    expect(encoded.toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  });

  it('encodes as the sigstore library does', () => {
    fc.assert(
      fc.property(fc.string(), fc.uint8Array(), (type, payload) => {
        const theirs = dsse.preAuthEncoding(type, Buffer.from(payload));
        expect(preAuthEncoding(type, payload).equals(theirs)).toBe(true);
      }),
      { seed: 3 },
    );
  });

  it('opens with its key only, and not after any change of a byte', () => {
    const key = readPrivateKey(keyPath);
    const envelope = sealed('t', Buffer.from('payload'), key);
    expect(opened(envelope, publicKey())?.toString()).toBe('payload');
    expect(opened(envelope, generateKeyPairSync('ed25519').publicKey)).toBeNull();
    expect(opened({ ...envelope, payloadType: 'u' }, publicKey())).toBeNull();
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = Buffer.from('payload');
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        expect(opened({ ...envelope, payload: bytes.toString('base64') }, publicKey())).toBeNull();
      }),
      { seed: 4 },
    );
  });

  it('opens when one of several signatures is the key’s', () => {
    const other = sealed('t', Buffer.from('p'), generateKeyPairSync('ed25519').privateKey);
    const own = sealed('t', Buffer.from('p'), readPrivateKey(keyPath));
    const both = { ...own, signatures: [...other.signatures, ...own.signatures] };
    expect(opened(both, publicKey())?.toString()).toBe('p');
  });

  it('is recognised in JSON, or not', () => {
    const envelope = sealed('t', Buffer.from('p'), readPrivateKey(keyPath));
    expect(envelopeIn(JSON.parse(JSON.stringify(envelope)))).toEqual(envelope);
    for (const no of [null, 5, {}, { ...envelope, signatures: [] }, { ...envelope, signatures: [{}] }])
      expect(envelopeIn(no)).toBeNull();
  });
});

describe('the statement', () => {
  it('is in-toto v1: digests of model, data and result file; settings and results', async () => {
    const statement = statementOf(run, await readAttestedRun(run));
    expect(statement._type).toBe('https://in-toto.io/Statement/v1');
    const digest = createHash('sha256').update(readFileSync(run)).digest('hex');
    expect(statement.subject.at(-1)).toEqual({ name: 'run.jsonl', digest: { sha256: digest } });
    const { model, data, series, seed } = honestHeader();
    expect(statement.subject[0]?.digest).toEqual({ sha256: model.files[0]?.sha256 });
    expect(Object.values(statement.subject.at(-2)?.digest ?? {})).toEqual([data.digest]);
    expect(statement.predicate.seed).toEqual(seed);
    expect(statement.predicate.series.map(({ method, settings }) => ({ method, settings }))).toEqual(
      series.map(({ method, settings }) => ({ method, settings })),
    );
    const end = JSON.parse(readFileSync(run, 'utf8').trimEnd().split('\n').at(-1) ?? '');
    expect(statement.predicate.results).toMatchObject({ records: 12, finished: true, digest: end.digest });
  });

  it('says of each method what it certifies and how, estimates by their name', async () => {
    const header = honestHeader();
    const estimated = header.series.map((one, k) =>
      k === 0
        ? {
            ...one,
            guarantee: 'estimate, not a bound' as const,
            settings: { ...one.settings, lipschitz: { value: 'power', origin: 'flag' } },
          }
        : one,
    );
    const path = file('estimate.jsonl', honestLines(2, { ...header, series: estimated }).join(''));
    const { series } = statementOf(path, await readAttestedRun(path)).predicate;
    expect(series.map(({ meaning }) => meaning)).toEqual([
      expect.stringContaining('are estimates and certify nothing'),
      expect.stringContaining('within l2 distance r'),
    ]);
    expect(series.map(({ description }) => description.join(' '))).toEqual([
      expect.stringContaining('SPLITZ: the network is cut'),
      expect.stringContaining('Plain randomized smoothing'),
    ]);
  });

  it('signed twice gives the same bytes, and verifies', async () => {
    const line = await sign(run);
    expect(await sign(run)).toBe(line);
    const statement = await verifySignedStatement(run, file('a.intoto.jsonl', line), publicKey());
    expect(statement.predicate.results.records).toBe(12);
  });

  it('verifies under another name of the result file', async () => {
    const moved = file('moved.jsonl', readFileSync(run, 'utf8'));
    const path = file('m.intoto.jsonl', await sign(run));
    await expect(verifySignedStatement(moved, path, publicKey())).resolves.toBeDefined();
  });

  it('does not hold for another key, another file, another kind, or a claim the file does not make', async () => {
    const path = file('b.intoto.jsonl', await sign(run));
    const stranger = generateKeyPairSync('ed25519').publicKey;
    await expect(verifySignedStatement(run, path, stranger)).rejects.toThrow(DoesNotHold);
    const other = file('other.jsonl', honestLines(11).join(''));
    await expect(verifySignedStatement(other, path, publicKey())).rejects.toThrow(/not about this result/);
    const key = readPrivateKey(keyPath);
    const honest = statementOf(run, await readAttestedRun(run));
    const signed = (statement: unknown, type = PAYLOAD_TYPE) =>
      file('c.intoto.jsonl', JSON.stringify(sealed(type, Buffer.from(JSON.stringify(statement)), key)));
    const { predicate } = honest;
    const [own, ...others] = predicate.series;
    for (const claim of [
      { results: { ...predicate.results, records: 13 } },
      { results: { ...predicate.results, digest: 'e'.repeat(64) } },
      { seed: { value: 1, origin: 'default' } },
      { series: [{ ...own, guarantee: 'estimate, not a bound' }, ...others] },
      {
        series: [{ ...own, settings: { ...own?.settings, sigma: { value: 1, origin: 'flag' } } }, ...others],
      },
      { series: [own] },
    ]) {
      const boast = signed({ ...honest, predicate: { ...predicate, ...claim } });
      await expect(verifySignedStatement(run, boast, publicKey())).rejects.toThrow(/not about this result/);
    }
    const reworded = signed({
      ...honest,
      predicate: { ...predicate, series: predicate.series.map((one) => ({ ...one, description: [] })) },
    });
    await expect(verifySignedStatement(run, reworded, publicKey())).resolves.toBeDefined();
    const kind = signed({ ...honest, predicateType: 'https://slsa.dev/provenance/v1' });
    await expect(verifySignedStatement(run, kind, publicKey())).rejects.toThrow(/another kind/);
    const bare = signed({ _type: honest._type, predicateType: honest.predicateType });
    await expect(verifySignedStatement(run, bare, publicKey())).rejects.toThrow(DoesNotHold);
    const type = signed(honest, 'text/plain');
    await expect(verifySignedStatement(run, type, publicKey())).rejects.toThrow(/not an in-toto/);
  });

  it('does not hold after any edit of the result file', async () => {
    const path = file('d.intoto.jsonl', await sign(run));
    const text = readFileSync(run, 'utf8');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: text.length - 2 }), async (at) => {
        const digit = text[at] === '1' ? '2' : '1';
        const edited = file('edited.jsonl', text.slice(0, at) + digit + text.slice(at + 1));
        await expect(verifySignedStatement(edited, path, publicKey())).rejects.toThrow(SplitzError);
      }),
      { seed: 6, numRuns: 60 },
    );
  });

  it('is refused in words where there is none', async () => {
    for (const text of ['', 'x\n', '{}\n', '{}\n{}\n'])
      await expect(verifySignedStatement(run, file('e.jsonl', text), publicKey())).rejects.toThrow(
        /not a signed statement/,
      );
    await expect(verifySignedStatement(run, join(folder, 'absent'), publicKey())).rejects.toThrow(
      /cannot be read/,
    );
    await expect(readAttestedRun(file('half.jsonl', '{"kind":"run"'))).rejects.toThrow(/not a whole/);
  });
});

describe('the CycloneDX fragment', () => {
  it('holds by the official schema of version 1.6', async () => {
    const bom = mlBom(run, await readAttestedRun(run));
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    expect(await validator.validate(JSON.stringify(bom))).toBeNull();
    const broken = { ...bom, components: [{ ...bom.components[0], modelCard: { metrics: 1 } }] };
    expect(await validator.validate(JSON.stringify(broken))).not.toBeNull();
  });

  it('gives each certified share inside its confidence interval, of both methods', async () => {
    const { components } = mlBom(run, await readAttestedRun(run));
    const metrics = components[0]?.modelCard?.quantitativeAnalysis.performanceMetrics ?? [];
    expect(new Set(metrics.map(({ type }) => type.split(', ')[1]))).toEqual(
      new Set(['SPLITZ σ=0.5', 'plain smoothing σ=0.43']),
    );
    for (const { value, confidenceInterval } of metrics) {
      expect(Number(confidenceInterval.lowerBound)).toBeLessThanOrEqual(Number(value));
      expect(Number(confidenceInterval.upperBound)).toBeGreaterThanOrEqual(Number(value));
    }
  });

  it('has the settings of every method, the seed and the result digest as properties', async () => {
    const { components, metadata } = mlBom(run, await readAttestedRun(run));
    const { digest } = await readAttestedRun(run);
    expect(metadata.properties).toContainEqual({ name: 'splitz-onnx:resultDigest', value: digest });
    const properties = Object.fromEntries(
      (components[0]?.properties ?? []).map(({ name, value }) => [name, value]),
    );
    expect(properties).toMatchObject({
      'splitz-onnx:seed': '0',
      'splitz-onnx:series.0.method': 'splitz',
      'splitz-onnx:series.0.split': 'conv1.relu',
      'splitz-onnx:series.1.method': 'smoothing',
      'splitz-onnx:series.1.sigma': '0.43',
    });
  });
});
