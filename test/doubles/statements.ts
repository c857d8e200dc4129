// What an authority signs for a device, really signed, with any member open to be made wrong; and a device
// that has joined, as its state directory keeps it.

import { createPublicKey, type KeyObject } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyPath, saveState, type AgentState } from '../../src/agent/state.ts';
import { newId } from '../../src/core/ids.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { limits } from '../../src/core/limits.ts';
import { generateEd25519, spkiOf, storePrivateKey } from '../../src/platform/keys.ts';
import { systemRandom } from '../../src/platform/random.ts';
import type { Open } from '../../src/wire/pass.ts';
import { keyId, signStatement, type Purpose, type Signer } from '../../src/wire/signed.ts';
import type { TestCa } from './test-ca.ts';

export interface Statements {
  sign(purpose: Purpose, payload: JsonObject): string;
  keyset(changes?: JsonObject): string;
  welcome(about: LinkFacts, changes?: JsonObject, by?: Signer): string;
  lease(about: LeaseFacts, changes?: JsonObject, by?: Signer): string;
  pass(about: PassFacts, changes?: JsonObject): string;
}

export interface LinkFacts {
  readonly device: string;
  readonly linkNonce: string;
}

export interface LeaseFacts extends LinkFacts {
  readonly seq: number;
  readonly sessions: readonly string[];
}

export interface PassFacts extends Omit<Open, 'spki'> {
  readonly device: string;
  /** Thumbprint of the operator's key. */
  readonly cnf: string;
  readonly leaseSeq: number;
}

export const keysetVersion = 3;

/** Of an authority with keys of its own, under this root. */
export function newStatements(ca: TestCa): Statements {
  const authority = generateEd25519();
  const signer: Signer = { kid: keyId(authority.publicKey), privateKey: authority.privateKey };
  const root: Signer = { kid: keyId(createPublicKey(ca.rootKey)), privateKey: ca.rootKey };
  return {
    sign: (purpose, payload) => signStatement(purpose, payload, signer),
    keyset(changes = {}) {
      const keys = [
        { kid: signer.kid, purpose: 'pass', spki: spkiOf(authority.publicKey).toString('base64url') },
      ];
      const { trustDomain, env } = ca;
      const notAfter = Date.now() + limits.keysetLifeMs;
      return signStatement(
        'keyset',
        { version: keysetVersion, trustDomain, env, notAfter, keys, ...changes },
        root,
      );
    },
    welcome({ device, linkNonce }, changes = {}, by = signer) {
      const payload = { device, linkNonce, time: Date.now(), linkEpoch: 1, stateEpoch: 1, ...changes };
      return signStatement('welcome', payload, by);
    },
    lease({ device, linkNonce, seq, sessions }, changes = {}, by = signer) {
      const now = Date.now();
      return signStatement(
        'lease',
        {
          device,
          linkNonce,
          seq,
          lockVersion: 1,
          sessions: [...sessions],
          issuedAt: now,
          validUntil: now + limits.leaseLifeMs,
          ...changes,
        },
        by,
      );
    },
    pass(about, changes = {}) {
      const now = Date.now();
      return signStatement(
        'pass',
        {
          ...about,
          identity: 'idn_ana',
          name: 'ana',
          via: 'operator',
          issuedAt: now,
          startBy: now + limits.startWithinMs,
          mustEndAt: now + limits.sessionDefaultMs,
          idleMs: limits.idleDefaultMs,
          stateEpoch: 1,
          logSize: 1,
          ...changes,
        },
        signer,
      );
    },
  };
}

export interface JoinedDevice {
  readonly stateDir: string;
  readonly state: AgentState;
  readonly key: KeyObject;
}

/** In a directory of its own, which the caller removes. */
export async function joinDevice(ca: TestCa, statements: Statements, address: string): Promise<JoinedDevice> {
  const stateDir = await mkdtemp(join(tmpdir(), 'spa-'));
  const deviceId = newId('dev', systemRandom.bytes(16));
  const leaf = await ca.leaf('device', deviceId);
  const state: AgentState = {
    address,
    broker: 'test',
    root: ca.root,
    trustDomain: ca.trustDomain,
    env: ca.env,
    deviceId,
    name: 'pump-7',
    certificate: leaf.cert,
    keyset: statements.keyset(),
    keysetVersion,
    stateEpoch: 1,
    renewal: { n: 1, secret: 'first-secret' },
  };
  await storePrivateKey(keyPath(stateDir), leaf.privateKey);
  await saveState(stateDir, state);
  return { stateDir, state, key: leaf.privateKey };
}
