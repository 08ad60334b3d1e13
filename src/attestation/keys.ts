/**
 * Ed25519 keys in PEM files (PKCS #8, SubjectPublicKeyInfo), as OpenSSL and cosign read them. A private key is written readable
 * by its owner alone and never over a file; one that others can read is not used.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { ToolError, UsageError } from '../ground/errors.ts';
import { codeOf } from '../ground/system-error.ts';

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;
/** As PEM names it, encrypted or not. */
const PRIVATE = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/u;
/** Windows has no mode bits. */
const HAS_MODES = process.platform !== 'win32';

/** "key.pem" -> "key.pub.pem". */
export const publicKeyPath = (path: string): string => `${path.replace(/\.pem$/i, '')}.pub.pem`;

/** SHA-256 (hex) of the public key's DER bytes: the name of the key in a signature. */
export function keyId(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/**
 * Writes a new key pair: `path` (mode 600) and the public key alongside.
 * @throws UsageError when one of the files exists; ToolError when they cannot be written
 */
export function generateKey(path: string): { readonly publicPath: string; readonly id: string } {
  const publicPath = publicKeyPath(path);
  for (const file of [path, publicPath]) if (existsSync(file)) throw thereAlready(file);
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  writeNew(path, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), OWNER_ONLY);
  try {
    writeNew(publicPath, publicKey.export({ type: 'spki', format: 'pem' }).toString(), 0o644);
  } catch (error) {
    // Half a pair is useless, and would block the next attempt.
    rmSync(path);
    throw error;
  }
  return { publicPath, id: keyId(publicKey) };
}

function writeNew(path: string, text: string, mode: number): void {
  try {
    writeFileSync(path, text, { flag: 'wx', mode });
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') throw thereAlready(path);
    throw new ToolError({
      what: 'the key cannot be written',
      where: path,
      why: (cause as Error).message,
      remedy: 'Name a file in a folder that exists and can be written to.',
      cause,
    });
  }
}

const thereAlready = (path: string): UsageError =>
  new UsageError({
    what: 'the key file already exists and was left untouched',
    where: path,
    remedy: 'Sign with it (--key), or name another file.',
  });

/** @throws UsageError when it is not an Ed25519 private key, encrypted, or readable by others */
export function readPrivateKey(path: string): KeyObject {
  const pem = readKeyFile(path, true);
  const key = parsed(path, 'private', () => createPrivateKey(pem));
  return requireEd25519(path, key);
}

/** @throws UsageError when it is not an Ed25519 key, or a private one: whoever verifies must not need what signs */
export function readPublicKey(path: string): KeyObject {
  const pem = readKeyFile(path, false);
  if (PRIVATE.test(pem)) {
    throw new UsageError({
      what: 'the key is a private one, where a public one is wanted',
      where: path,
      why: 'whoever holds it can sign in the name of its owner, so it is not for verifying',
      remedy: `Name the public key (${publicKeyPath(basename(path))}). If others gave you this one, ask them for the public key and tell them to make a new pair.`,
    });
  }
  return requireEd25519(
    path,
    parsed(path, 'public', () => createPublicKey(pem)),
  );
}

function readKeyFile(path: string, secret: boolean): string {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (cause) {
    throw new UsageError({
      what: 'the key cannot be read',
      where: path,
      why: (cause as Error).message,
      remedy: 'Check the path; `splitz-onnx sign --generate-key key.pem` makes a key pair.',
      cause,
    });
  }
  try {
    const { mode } = fstatSync(descriptor);
    if (secret && HAS_MODES && (mode & OTHERS) !== 0) {
      throw new UsageError({
        what: 'the private key can be read by others',
        where: path,
        why: `its mode is ${(mode & 0o777).toString(8)}`,
        remedy: `Run chmod 600 ${path}, and make a new key if others may have read it.`,
      });
    }
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

function parsed(path: string, kind: 'private' | 'public', parse: () => KeyObject): KeyObject {
  try {
    return parse();
  } catch (cause) {
    throw new UsageError({
      what: `the file does not hold a usable ${kind} key`,
      where: path,
      why: (cause as Error).message,
      remedy:
        kind === 'private'
          ? 'Give an unencrypted PEM file (PKCS #8), as `splitz-onnx sign --generate-key` writes it.'
          : 'Give the PEM file of the public key (NAME.pub.pem).',
      cause,
    });
  }
}

function requireEd25519(path: string, key: KeyObject): KeyObject {
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw new UsageError({
    what: `the key is of type ${key.asymmetricKeyType}`,
    where: path,
    why: 'statements are signed with Ed25519',
    remedy: 'Make one with `splitz-onnx sign --generate-key key.pem`.',
  });
}
