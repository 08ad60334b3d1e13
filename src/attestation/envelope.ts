/**
 * DSSE envelopes (secure-systems-lab/dsse, protocol v1): a payload with its type, signed together. What is signed is
 *
 *   PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body       lengths in bytes, decimal
 *
 * so neither type nor payload can be exchanged, and nothing is parsed before it is verified.
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import { keyId } from './keys.ts';

export interface Envelope {
  readonly payloadType: string;
  /** Base64. */
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

export function preAuthEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** @param key an Ed25519 private key; its signatures are deterministic */
export function sealed(payloadType: string, payload: Uint8Array, key: KeyObject): Envelope {
  const signature = sign(null, preAuthEncoding(payloadType, payload), key);
  return {
    payloadType,
    payload: Buffer.from(payload).toString('base64'),
    signatures: [{ keyid: keyId(key), sig: signature.toString('base64') }],
  };
}

/** The payload, if one of the signatures is this key's; null otherwise. */
export function opened(envelope: Envelope, key: KeyObject): Buffer | null {
  const payload = Buffer.from(envelope.payload, 'base64');
  const signed = preAuthEncoding(envelope.payloadType, payload);
  // The key id is an unsigned hint: every signature is tried.
  const ours = envelope.signatures.some(({ sig }) => verify(null, signed, key, Buffer.from(sig, 'base64')));
  return ours ? payload : null;
}

/** The envelope in a JSON value, or null when it is not one. */
export function envelopeIn(value: unknown): Envelope | null {
  if (typeof value !== 'object' || value === null) return null;
  const { payloadType, payload, signatures } = value as { readonly [key: string]: unknown };
  if (typeof payloadType !== 'string' || typeof payload !== 'string' || !Array.isArray(signatures))
    return null;
  const listed = signatures.map((one: unknown) => {
    const { keyid, sig } = (one ?? {}) as { readonly [key: string]: unknown };
    return typeof sig === 'string' ? { keyid: typeof keyid === 'string' ? keyid : '', sig } : null;
  });
  const whole = listed.filter((one) => one !== null);
  return whole.length === listed.length && whole.length > 0
    ? { payloadType, payload, signatures: whole }
    : null;
}
