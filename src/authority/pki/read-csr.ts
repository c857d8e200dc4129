// Reads a certificate request (PKCS#10, RFC 2986) from a stranger. What is taken from it is the public
// key, after its own signature proved that the sender holds the private half; every name, attribute and
// extension in it is skipped unread. Whatever the bytes, the answer is a value.

import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { limits } from '../../core/limits.ts';
import { spkiThumbprint } from '../../wire/signed.ts';
import { derTag, octetsOf, readDer } from './der.ts';

export type CsrFault = 'too_large' | 'not_a_request' | 'key_kind' | 'bad_signature';

export type CsrRead =
  | {
      readonly ok: true;
      readonly publicKey: KeyObject;
      /** SHA-256 thumbprint, base64url. */
      readonly spki: string;
    }
  | { readonly ok: false; readonly fault: CsrFault };

/** What to tell the sender. */
export const csrFaultWords: Readonly<Record<CsrFault, string>> = {
  too_large: `the certificate request is longer than ${limits.csrMaxBytes} bytes`,
  not_a_request: 'this is not one certificate request in PEM form',
  key_kind: 'the key of the certificate request is neither P-256 nor Ed25519',
  bad_signature: 'the certificate request is not signed by its own key',
};

export function readCsr(pem: string): CsrRead {
  if (pem.length > limits.csrMaxBytes) return refuse('too_large');
  const parts = partsOf(derOf(pem));
  if (parts === undefined) return refuse('not_a_request');
  const form = keyForms.find(
    ({ prefix, length }) => parts.spki.length === length && parts.spki.indexOf(prefix) === 0,
  );
  const publicKey = form === undefined ? undefined : publicKeyOf(parts.spki);
  if (form === undefined || publicKey === undefined) return refuse('key_kind');
  // The algorithm is the key's, never the request's choice.
  const isSigned =
    parts.algorithm.equals(form.signatureAlgorithm) &&
    verify(form.digest, parts.signed, publicKey, parts.signature);
  return isSigned ? { ok: true, publicKey, spki: spkiThumbprint(publicKey) } : refuse('bad_signature');
}

// One key, one text: the SPKI must be in the one form that we also write, or a compressed point would
// give the same key a second thumbprint, and with it a second identity.
const keyForms = [
  {
    // id-ecPublicKey, prime256v1, uncompressed point
    prefix: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex'),
    length: 91,
    digest: 'sha256',
    // ecdsa-with-SHA256
    signatureAlgorithm: Buffer.from('300a06082a8648ce3d040302', 'hex'),
  },
  {
    prefix: Buffer.from('302a300506032b6570032100', 'hex'),
    length: 44,
    digest: null,
    signatureAlgorithm: Buffer.from('300506032b6570', 'hex'),
  },
] as const;

const pemPattern =
  /^\s*-----BEGIN CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE REQUEST-----\s*$/;

function derOf(pem: string): Buffer {
  const text = pemPattern.exec(pem)?.[1]?.replaceAll(/[\r\n]/g, '') ?? '';
  const der = Buffer.from(text, 'base64');
  // Buffer.from forgives what is not base64; a request has one text form.
  return der.toString('base64') === text ? der : Buffer.alloc(0);
}

interface Parts {
  /** CertificationRequestInfo, as signed. */
  readonly signed: Buffer;
  readonly spki: Buffer;
  readonly algorithm: Buffer;
  readonly signature: Buffer;
}

// SEQUENCE { SEQUENCE { version 0, subject, spki, [0] attributes }, algorithm, signature }
function partsOf(der: Buffer): Parts | undefined {
  const request = readDer(der, derTag.sequence);
  if (request === undefined || request.rest.length > 0) return undefined;
  const info = readDer(request.content, derTag.sequence);
  const version = info && readDer(info.content, derTag.integer);
  const subject = version && readDer(version.rest, derTag.sequence);
  const spki = subject && readDer(subject.rest, derTag.sequence);
  const attributes = spki && readDer(spki.rest, derTag.context0);
  const algorithm = info && readDer(info.rest, derTag.sequence);
  const signature = algorithm && readDer(algorithm.rest, derTag.bitString);
  const octets = signature && octetsOf(signature);
  if (
    info === undefined ||
    version === undefined ||
    spki === undefined ||
    algorithm === undefined ||
    octets === undefined
  ) {
    return undefined;
  }
  const isWhole = attributes?.rest.length === 0 && signature?.rest.length === 0;
  const isVersion0 = version.content.length === 1 && version.content[0] === 0;
  if (!isWhole || !isVersion0) return undefined;
  return { signed: info.whole, spki: spki.whole, algorithm: algorithm.whole, signature: octets };
}

function publicKeyOf(spki: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch {
    // The right form and yet no key: the point is not on the curve. OpenSSL has many words for it.
    return undefined;
  }
}

function refuse(fault: CsrFault): CsrRead {
  return { ok: false, fault };
}
