import { test } from 'node:test';
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import * as fc from 'fast-check';
import type { JsonObject } from '../core/json.ts';
import { canonicalJson } from '../core/json.ts';
import { sha256, keyId, signStatement, spkiThumbprint, type Purpose } from '../wire/signed.ts';
import { checkPass, type PassFacts, type Presented } from './pass-check.ts';
import { ReplayWindow } from './replay-window.ts';

const authority = generateKeyPairSync('ed25519');
const operator = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
type Pair = typeof authority;

const params: JsonObject = { argv: ['uptime', '-p'], env: {}, kind: 'exec' };
const paramsText = canonicalJson(params);
const passPayload: JsonObject = {
  device: 'dev_1',
  kind: 'exec',
  target: 'pump-7',
  paramsHash: sha256(paramsText),
  identity: 'idn_1',
  name: 'ana',
  session: 'ses_1',
  n: 0,
  cnf: spkiThumbprint(operator.publicKey),
  via: 'operator',
  linkNonce: 'nonce',
  leaseSeq: 3,
  issuedAt: 1_000,
  startBy: 61_000,
  mustEndAt: 100_000,
  idleMs: 60_000,
  stateEpoch: 2,
  logSize: 9,
};
const openPayload: JsonObject = {
  session: 'ses_1',
  n: 0,
  kind: 'exec',
  target: 'pump-7',
  paramsHash: sha256(paramsText),
  linkNonce: 'nonce',
  spki: operator.publicKey.export({ format: 'der', type: 'spki' }).toString('base64url'),
};

function sign(purpose: Purpose, payload: JsonObject, pair: Pair): string {
  return signStatement(purpose, payload, { kid: keyId(pair.publicKey), privateKey: pair.privateKey });
}

function presented(changes: { pass?: JsonObject; open?: JsonObject } = {}): Presented {
  return {
    kind: 'exec',
    params: Buffer.from(paramsText).toString('base64url'),
    pass: sign('pass', { ...passPayload, ...changes.pass }, authority),
    open: sign('open', { ...openPayload, ...changes.open }, operator),
  };
}

function facts(changes: Partial<PassFacts> = {}): PassFacts {
  const window = new ReplayWindow();
  return {
    device: 'dev_1',
    linkNonce: 'nonce',
    stateEpoch: 2,
    now: 2_000,
    findPassKey: (kid) => (kid === keyId(authority.publicKey) ? authority.publicKey : undefined),
    isLeased: () => true,
    useNumber: (_session, n) => window.use(n),
    ...changes,
  };
}

function codeOf(request: Presented, known: PassFacts = facts()): string {
  const answer = checkPass(request, known);
  return answer.ok ? 'ok' : answer.code;
}

test('a pass with the signature of the operator opens the channel with its parameters', () => {
  const answer = checkPass(presented(), facts());
  assert.ok(answer.ok);
  assert.deepEqual(answer.params, { kind: 'exec', argv: ['uptime', '-p'], env: {} });
});

test('L7 a missing, garbled or incomplete pass is refused with pass_malformed', () => {
  assert.equal(codeOf({ ...presented(), pass: undefined }), 'pass_malformed');
  assert.equal(codeOf({ ...presented(), pass: 'what.ever' }), 'pass_malformed');
  assert.equal(codeOf(presented({ pass: { idleMs: undefined } })), 'pass_malformed');
  assert.equal(codeOf(presented({ pass: { n: -1 } })), 'pass_malformed');
  assert.equal(codeOf(presented({ pass: { kind: 'http' } })), 'pass_malformed');
});

test('L7 an unsigned pass, one of another key or of another purpose is refused with pass_signature', () => {
  const [payload] = sign('pass', passPayload, authority).split('.');
  const unsigned = `${payload}.${Buffer.alloc(64).toString('base64url')}`;
  assert.equal(codeOf({ ...presented(), pass: unsigned }), 'pass_signature');
  assert.equal(codeOf({ ...presented(), pass: sign('pass', passPayload, stranger) }), 'pass_signature');
  assert.equal(codeOf({ ...presented(), pass: sign('lease', passPayload, authority) }), 'pass_signature');
});

test('L7 a pass for another device is refused with pass_device', () => {
  assert.equal(codeOf(presented({ pass: { device: 'dev_2' } })), 'pass_device');
});

test('L7 a pass of a lower state epoch is refused with pass_epoch', () => {
  assert.equal(codeOf(presented({ pass: { stateEpoch: 1 } })), 'pass_epoch');
});

test('L7 a pass for another link is refused with pass_link', () => {
  assert.equal(codeOf(presented({ pass: { linkNonce: 'older' } })), 'pass_link');
});

test('L7 a pass for another kind is refused with pass_kind', () => {
  assert.equal(codeOf({ ...presented(), kind: 'shell' }), 'pass_kind');
});

test('L7 changed, missing or not canonical parameters are refused with pass_params', () => {
  const other = canonicalJson({ argv: ['reboot'], env: {}, kind: 'exec' });
  const spaced = `${paramsText.slice(0, -1)} }`;
  assert.equal(codeOf({ ...presented(), params: undefined }), 'pass_params');
  assert.equal(codeOf({ ...presented(), params: Buffer.from(other).toString('base64url') }), 'pass_params');
  const hashed = presented({ pass: { paramsHash: sha256(spaced) } });
  assert.equal(codeOf({ ...hashed, params: Buffer.from(spaced).toString('base64url') }), 'pass_params');
});

test('L7 a pass used after start-by, or when the session must have ended, is refused with pass_expired', () => {
  assert.equal(codeOf(presented(), facts({ now: 61_000 })), 'ok');
  assert.equal(codeOf(presented(), facts({ now: 61_001 })), 'pass_expired');
  assert.equal(codeOf(presented({ pass: { startBy: 200_000 } }), facts({ now: 99_999 })), 'ok');
  assert.equal(codeOf(presented({ pass: { startBy: 200_000 } }), facts({ now: 100_000 })), 'pass_expired');
});

test('L7 a pass of a session that is not leased is refused with lease_stale', () => {
  const seen: unknown[] = [];
  const known = facts({
    isLeased: (pass) => {
      seen.push([pass.session, pass.leaseSeq]);
      return false;
    },
  });
  assert.equal(codeOf(presented(), known), 'lease_stale');
  assert.deepEqual(seen, [['ses_1', 3]]);
});

test("L7 a pass without the operator's open is refused with open_missing, also where a gate vouches", () => {
  assert.equal(codeOf({ ...presented(), open: undefined }), 'open_missing');
  assert.equal(codeOf({ ...presented({ pass: { via: 'gate' } }), open: undefined }), 'open_missing');
});

test('L7 an open of another key is refused with open_signature', () => {
  const spki = stranger.publicKey.export({ format: 'der', type: 'spki' }).toString('base64url');
  const foreign = sign('open', { ...openPayload, spki }, stranger);
  const borrowed = sign('open', openPayload, stranger);
  assert.equal(codeOf({ ...presented(), open: foreign }), 'open_signature');
  assert.equal(codeOf({ ...presented(), open: borrowed }), 'open_signature');
  assert.equal(codeOf({ ...presented(), open: 'garbage' }), 'open_signature');
  assert.equal(codeOf(presented({ open: { spki: 'AAAA' } })), 'open_signature');
});

test('L7 an open that was signed for anything else is refused with open_signature', () => {
  const foreign: readonly JsonObject[] = [
    { session: 'ses_2' },
    { n: 1 },
    { kind: 'shell' },
    { target: 'pump-8' },
    { paramsHash: sha256('{}') },
    { linkNonce: 'older' },
  ];
  for (const change of foreign) assert.equal(codeOf(presented({ open: change })), 'open_signature');
});

test('L7 a pass used twice is refused with pass_replayed', () => {
  const known = facts();
  assert.equal(codeOf(presented(), known), 'ok');
  assert.equal(codeOf(presented(), known), 'pass_replayed');
});

test('a refused request uses up no number', () => {
  const used: number[] = [];
  const known = facts({
    useNumber: (_session, n) => {
      used.push(n);
      return true;
    },
  });
  codeOf({ ...presented(), open: undefined }, known);
  assert.deepEqual(used, []);
});

test('L7 no garbage in any header is ever taken, and none makes the check throw', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('pass', 'open', 'params'),
      fc.oneof(
        fc.string(),
        fc.base64String(),
        fc.json().map((text) => Buffer.from(text).toString('base64url')),
      ),
      (field, junk) => {
        assert.notEqual(codeOf({ ...presented(), [field]: junk }), 'ok');
      },
    ),
    { numRuns: 60 },
  );
});
