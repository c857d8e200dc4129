import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { limits } from '../../core/limits.ts';
import { createCsr } from '../../platform/csr.ts';
import { generateEd25519, generateP256, keyKind, spkiOf } from '../../platform/keys.ts';
import { toCryptoKey, x509 } from '../../platform/x509.ts';
import { spkiThumbprint } from '../../wire/signed.ts';
import { csrFaultWords, readCsr, type CsrFault } from './read-csr.ts';

// One key for the whole file: the corpus is about the bytes around it.
const pair = generateP256();
const goodPem = await createCsr(pair.privateKey);
const good = derOf(goodPem);

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
}

function pemOf(der: Uint8Array): string {
  const body = Buffer.from(der).toString('base64').replaceAll(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE REQUEST-----\n${body}\n-----END CERTIFICATE REQUEST-----\n`;
}

function tlv(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const length =
    content.length < 0x80
      ? [content.length]
      : content.length < 0x100
        ? [0x81, content.length]
        : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const ecdsaSha256 = Buffer.from('300a06082a8648ce3d040302', 'hex');
const ed25519 = Buffer.from('300506032b6570', 'hex');

/** A request built by hand, so that every part can be wrong on its own. */
function built(options: {
  readonly spki?: Uint8Array;
  readonly key?: KeyObject;
  readonly algorithm?: Uint8Array;
  readonly version?: number;
  readonly attributes?: Uint8Array;
}): Buffer {
  const key = options.key ?? pair.privateKey;
  const info = tlv(
    0x30,
    Buffer.from([2, 1, options.version ?? 0]),
    tlv(0x30),
    options.spki ?? spkiOf(key),
    options.attributes ?? tlv(0xa0),
  );
  const isEd25519 = keyKind(key) === 'ed25519';
  const signature = sign(isEd25519 ? null : 'sha256', info, key);
  const algorithm = options.algorithm ?? (isEd25519 ? ed25519 : ecdsaSha256);
  return tlv(0x30, info, algorithm, tlv(0x03, Buffer.from([0]), signature));
}

function assertRefused(pem: string, fault: CsrFault): void {
  assert.deepEqual(readCsr(pem), { ok: false, fault });
  assert.ok(csrFaultWords[fault].length > 0);
}

test('a request signed by a P-256 or Ed25519 key gives that key', async () => {
  for (const { privateKey, publicKey } of [generateP256(), generateEd25519()]) {
    const read = readCsr(await createCsr(privateKey));
    assert.ok(read.ok);
    assert.ok(read.publicKey.equals(publicKey));
    assert.equal(read.spki, spkiThumbprint(publicKey));
    assert.ok(readCsr(pemOf(built({ key: privateKey }))).ok);
  }
});

test('names and extensions that a request asks for are accepted and ignored', async () => {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=authority, O=Evil',
    keys: { privateKey: toCryptoKey(pair.privateKey), publicKey: toCryptoKey(pair.publicKey) },
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new x509.BasicConstraintsExtension(true, 5, true),
      new x509.SubjectAlternativeNameExtension([
        { type: 'url', value: 'spiffe://gate.example.com/prod/authority/a' },
      ]),
    ],
  });
  assert.deepEqual(Object.keys(readCsr(request.toString('pem'))), ['ok', 'publicKey', 'spki']);
});

test('keys of other kinds are refused', () => {
  const { privateKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { privateKey: p384 } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const { privateKey: k256 } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
  for (const key of [rsa, p384, k256]) assertRefused(pemOf(built({ key })), 'key_kind');
});

test('the same key in another encoding is refused: one key has one thumbprint', () => {
  const point = spkiOf(pair.privateKey).subarray(-65);
  const parity = (point.at(-1) ?? 0) & 1;
  const head = spkiOf(pair.privateKey).subarray(2, 23);
  const compressed = Buffer.concat([Buffer.from([0, 2 + parity]), point.subarray(1, 33)]);
  const spki = tlv(0x30, head, tlv(0x03, compressed));
  assert.ok(createPublicKey({ key: spki, format: 'der', type: 'spki' }).equals(pair.publicKey));
  assertRefused(pemOf(built({ spki })), 'key_kind');
});

test('a point that is not on the curve is refused', () => {
  const spki = Buffer.from(spkiOf(pair.privateKey));
  spki.fill(0x11, 27);
  assertRefused(pemOf(built({ spki })), 'key_kind');
});

test('a request for somebody else’s key is refused', () => {
  assertRefused(pemOf(built({ spki: spkiOf(generateP256().publicKey) })), 'bad_signature');
});

test('a request cannot choose the algorithm', () => {
  const sha1 = Buffer.from('300906072a8648ce3d0401', 'hex');
  assertRefused(pemOf(built({ algorithm: sha1 })), 'bad_signature');
  assertRefused(pemOf(built({ algorithm: ed25519 })), 'bad_signature');
});

test('a request that is not exactly PKCS#10 version 0 is refused', () => {
  assert.ok(readCsr(pemOf(built({}))).ok);
  for (const der of [
    built({ version: 1 }),
    built({ attributes: Buffer.alloc(0) }),
    built({ attributes: Buffer.concat([tlv(0xa0), tlv(0xa0)]) }),
    Buffer.concat([good, Buffer.from([0])]),
    Buffer.concat([good, good]),
    tlv(0x31, good),
    tlv(0x30, good),
    Buffer.concat([Buffer.from([0x30, 0x80]), good.subarray(3), Buffer.from([0, 0])]),
    Buffer.concat([Buffer.from([0x30, 0x82, 0x00]), good.subarray(2)]),
    Buffer.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x30, 0xff]),
    Buffer.alloc(4_000, 0x30),
    Buffer.alloc(0),
  ]) {
    assertRefused(pemOf(der), 'not_a_request');
  }
});

test('text that is not one PEM block is refused', () => {
  for (const pem of [
    '',
    'hello',
    goodPem + goodPem,
    `x${goodPem}`,
    `${goodPem}x`,
    goodPem.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'),
    goodPem.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'),
    goodPem.replace('\n', '\nProc-Type: 4,ENCRYPTED\n'),
    goodPem.slice(0, -20),
    good.toString('base64'),
    goodPem.replace(/[A-Za-z](?=\n)/, '*'),
  ]) {
    assertRefused(pem, 'not_a_request');
  }
  assert.ok(readCsr(goodPem.replaceAll('\n', '\r\n')).ok);
});

test('the bound on a request holds from both sides', () => {
  assert.ok(readCsr(goodPem.padEnd(limits.csrMaxBytes, '\n')).ok);
  assertRefused(goodPem.padEnd(limits.csrMaxBytes + 1, '\n'), 'too_large');
});

test('a request cut at any byte is refused', () => {
  for (let at = 0; at < good.length; at++) assertRefused(pemOf(good.subarray(0, at)), 'not_a_request');
});

test('a request with any one bit flipped is refused', () => {
  for (let bit = 0; bit < good.length * 8; bit++) {
    const bytes = Buffer.from(good);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(readCsr(pemOf(bytes)).ok, false, `bit ${bit}`);
  }
});

test('no text and no bytes make the reader throw', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(readCsr(text).ok, false)));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => assert.equal(readCsr(pemOf(bytes)).ok, false)),
  );
  fc.assert(
    fc.property(fc.nat(good.length), fc.uint8Array({ minLength: 1, maxLength: 40 }), (at, bytes) => {
      const spliced = Buffer.concat([good.subarray(0, at), bytes, good.subarray(at)]);
      assert.equal(readCsr(pemOf(spliced)).ok, false);
    }),
  );
});

test('a request is made from the private key alone', () => {
  const copy = createPrivateKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return createCsr(copy).then((pem) => assert.ok(readCsr(pem).ok));
});
