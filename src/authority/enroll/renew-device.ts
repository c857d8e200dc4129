// Use-cases: a device renews its certificate, and one whose certificate has ended recovers (docs/protocol.md,
// "Renewal"). Detects a second copy of a device's key without ever accusing a device that merely lost power:
// the current (n, secret) moves on by one, the very request that was accepted last gets its answer again, and
// any other one that the device's key has signed means that two parties hold that key. Then the device is
// held, both copies with it. One exception: a device that proves by our own signature that it was further on
// than our store knows. Then the store was put back from an older copy, and the device is innocent.
//
// A request that the key did not sign, or that cannot be read, says nothing about copies: it is refused.

import type { Renewed } from '../../api/enrollments.ts';
import { describeHold, isBarred, type Device, type Hold, type HoldReason } from '../../core/device.ts';
import { SallyportError } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import { parseId } from '../../core/ids.ts';
import type { JsonObject } from '../../core/json.ts';
import { publicKeyOf } from '../../platform/keys.ts';
import { keyFinder } from '../../wire/keyset.ts';
import {
  readRenewalProof,
  readRenewalRequest,
  type RenewalProof,
  type RenewalRequest,
} from '../../wire/renewal.ts';
import { keyId, sha256, signStatement, verifyStatement } from '../../wire/signed.ts';
import { keysForDevice } from '../break-glass/keys.ts';
import type { AuthorityContext } from '../context.ts';
import { StoreConflict, type Stored } from '../store/store.ts';
import { forgetExpired, issueCredential, requireCsr } from './credentials.ts';
import { holdDevice } from './hold-device.ts';

export interface RenewalTerms {
  readonly device: string;
  /** Signed by the device key. */
  readonly request: string;
  readonly sourceIp: string;
  /** Of a recovery: how long its certificate has been over, and what it is held for after that. */
  readonly recovery?: { readonly absentMs: number; readonly hold?: HoldReason };
}

/** Another renewal and the gate's note of a new link may be faster; a third writer does not exist. */
const turnsMax = 5;

/** Throws SallyportError; every refusal is on the log. */
export async function renewDevice(ctx: AuthorityContext, terms: RenewalTerms): Promise<Renewed> {
  const id = parseId('dev', terms.device);
  for (let turn = 1; ; turn += 1) {
    const stored = id === undefined ? undefined : await ctx.store.get('device', id);
    if (stored === undefined) throw new SallyportError('not_found', 'there is no such device');
    const device = stored.value;
    const renewal = await readRequest(ctx, device, terms);
    const answered = await answerBefore(ctx, { device, renewal, terms });
    if (answered !== undefined) return await withKeys(ctx, device, answered);
    try {
      return await withKeys(ctx, device, await renew(ctx, { stored, renewal, terms }));
    } catch (error) {
      if (!(error instanceof StoreConflict) || turn === turnsMax) throw error;
    }
  }
}

/** As they are now, also where the answer is the one of before. */
async function withKeys(ctx: AuthorityContext, device: Device, answer: Renewed): Promise<Renewed> {
  const keys = await keysForDevice(ctx, device.tenant);
  return keys === undefined ? answer : { ...answer, breakGlass: keys };
}

interface Asked {
  readonly device: Device;
  readonly renewal: RenewalRequest;
  readonly terms: RenewalTerms;
}

/** The answer that this request had already; undefined where it is the next one in turn. */
async function answerBefore(ctx: AuthorityContext, asked: Asked): Promise<Renewed | undefined> {
  const { device, renewal, terms } = asked;
  const { renewal: state } = device;
  if (isBarred(device)) {
    await noteRefused(ctx, asked, device.hold.why);
    throw barred(device);
  }
  if (sha256(terms.request) === state.lastRequestHash && state.lastAnswer !== undefined) {
    return JSON.parse(state.lastAnswer) as Renewed;
  }
  if (renewal.n === state.n && sha256(renewal.secret) === state.expected) return undefined;
  const proof = provenAhead(ctx, device, renewal);
  if (proof === undefined) throw await quarantine(ctx, asked);
  await noteRegressed(ctx, asked, proof);
  if (ctx.broker.stateEpoch > proof.stateEpoch) return undefined;
  throw new SallyportError(
    'pass_epoch',
    `"${device.name}" is at renewal ${proof.n}, the broker's store at ${state.n}: an older database was put back by hand`,
    {
      next: 'on the broker: bring the newer database back, or restore a backup with "sallyport broker restore"',
    },
  );
}

async function readRequest(
  ctx: AuthorityContext,
  device: Device,
  terms: RenewalTerms,
): Promise<RenewalRequest> {
  const key = publicKeyOf(device.publicKey);
  const verified = verifyStatement('renewal', terms.request, (kid) => (kid === keyId(key) ? key : undefined));
  if (!verified.ok)
    throw await refuse(ctx, device, `the request is not signed by its key: ${verified.fault}`, terms);
  const renewal = readRenewalRequest(verified.payload);
  if (renewal === undefined || renewal.device !== device.id) {
    throw await refuse(ctx, device, 'the request is not complete', terms);
  }
  return renewal;
}

/** What the device proves, where that is more than the store knows, and its secret is the one of then. */
function provenAhead(
  ctx: AuthorityContext,
  device: Device,
  renewal: RenewalRequest,
): RenewalProof | undefined {
  if (renewal.proof === undefined) return undefined;
  const verified = verifyStatement('renewed', renewal.proof, keyFinder(ctx.pki.keyset, 'assertion'));
  const proof = verified.ok ? readRenewalProof(verified.payload) : undefined;
  const isItsOwn = proof?.device === device.id && proof.n === renewal.n;
  const isAhead = isItsOwn && proof.n > device.renewal.n && proof.expected === sha256(renewal.secret);
  return isAhead ? proof : undefined;
}

async function renew(
  ctx: AuthorityContext,
  facts: {
    readonly stored: Stored<Device>;
    readonly renewal: RenewalRequest;
    readonly terms: RenewalTerms;
  },
): Promise<Renewed> {
  const { renewal, terms } = facts;
  const device = facts.stored.value;
  const key = requireCsr(renewal.csr);
  if (key.spki !== device.spki) throw await refuse(ctx, device, 'the request is for another key', terms);
  const issued = await issueCredential(ctx, { id: device.id, kind: 'device', key });
  const now = ctx.clock.now();
  const n = renewal.n + 1;
  const proof: RenewalProof = {
    device: device.id,
    n,
    expected: renewal.nextSecretHash,
    stateEpoch: ctx.broker.stateEpoch,
    time: now,
  };
  const answer: Renewed = {
    n,
    certificate: issued.chainPem,
    keyset: ctx.pki.keysetStatement,
    proof: signStatement('renewed', { ...proof }, ctx.pki.assertionSigner),
  };
  const why = terms.recovery?.hold;
  // A device that waits to be accepted goes on waiting for that.
  const hold = device.hold ?? (why === undefined ? undefined : { why, since: now });
  const next: Device = {
    ...device,
    ...(hold === undefined ? {} : { hold }),
    renewal: {
      n,
      expected: renewal.nextSecretHash,
      lastRequestHash: sha256(terms.request),
      lastAnswer: JSON.stringify(answer),
    },
  };
  const subject = {
    actor: { kind: 'device', id: device.id },
    outcome: 'success',
    device: device.id,
  } as const;
  const { serial, notAfter } = issued.credential;
  const body = {
    name: device.name,
    n,
    serial,
    notAfter: new Date(notAfter).toISOString(),
    sourceIp: terms.sourceIp,
  };
  const { recovery } = terms;
  await ctx.store.commit({
    changes: [
      { put: 'device', value: next, rev: facts.stored.rev },
      ...(await forgetExpired(ctx, { holder: device.id, spki: device.spki })),
      { put: 'credential', value: issued.credential, rev: 0 },
    ],
    events: [
      recovery === undefined
        ? { type: 'credential.renewed', ...subject, credential: issued.credential.id, body }
        : {
            type: 'credential.recovered',
            ...subject,
            credential: issued.credential.id,
            body: { ...body, absentMs: recovery.absentMs },
          },
      ...(why === undefined || device.hold !== undefined
        ? []
        : [{ type: 'device.quarantined', ...subject, code: why, body: { name: device.name } } as const]),
    ],
  });
  return answer;
}

/** Both copies: nobody can tell which one is the thief's. What an administrator needs to tell is on the log. */
async function quarantine(ctx: AuthorityContext, asked: Asked): Promise<SallyportError> {
  const { device, renewal, terms } = asked;
  const facts = {
    name: device.name,
    shownN: renewal.n,
    expectedN: device.renewal.n,
    sourceIp: terms.sourceIp,
    linkedFrom: ctx.gates.linkOf(device.id) === undefined ? 'no link' : 'a live link',
  };
  const authority = { kind: 'system', id: 'authority' } as const;
  await holdDevice(ctx, {
    device: device.id,
    why: 'clone',
    by: authority,
    events: [
      refusedEvent(device, { ...facts, why: 'neither the current secret nor the last request' }),
      {
        type: 'device.quarantined',
        actor: authority,
        outcome: 'success',
        code: 'clone',
        device: device.id,
        body: facts,
      },
    ],
  });
  return barred({ ...device, hold: { why: 'clone', since: ctx.clock.now() } });
}

function barred({ name, hold }: Device & { readonly hold: Hold }): SallyportError {
  return new SallyportError('not_accepted', `"${name}" ${describeHold(hold)}`, {
    next: `an administrator looks into it, then: sallyport devices accept ${name}, or the device joins again`,
  });
}

/** An alarm: the broker has forgotten what it once signed. */
async function noteRegressed(ctx: AuthorityContext, asked: Asked, proof: RenewalProof): Promise<void> {
  const { device, terms } = asked;
  const facts = {
    name: device.name,
    provenN: proof.n,
    knownN: device.renewal.n,
    provenAt: new Date(proof.time).toISOString(),
    provenEpoch: proof.stateEpoch,
    epoch: ctx.broker.stateEpoch,
  };
  ctx.log.error(facts, 'a device proves that the store is older than what this broker has signed');
  await ctx.store.commit({
    changes: [],
    events: [
      {
        type: 'store.regressed',
        actor: { kind: 'system', id: 'authority' },
        outcome: 'failure',
        device: device.id,
        body: { ...facts, sourceIp: terms.sourceIp },
      },
    ],
  });
}

async function noteRefused(ctx: AuthorityContext, asked: Asked, why: string): Promise<void> {
  const { device, renewal, terms } = asked;
  const body = { name: device.name, shownN: renewal.n, why, sourceIp: terms.sourceIp };
  await ctx.store.commit({ changes: [], events: [refusedEvent(device, body)] });
}

async function refuse(
  ctx: AuthorityContext,
  device: Device,
  why: string,
  { sourceIp }: RenewalTerms,
): Promise<SallyportError> {
  const body = { name: device.name, why, sourceIp };
  await ctx.store.commit({ changes: [], events: [refusedEvent(device, body)] });
  return new SallyportError('invalid', `the renewal of "${device.name}" is not valid: ${why}`, {
    next: 'check that the agent is of a version this broker knows',
  });
}

function refusedEvent(device: Device, body: JsonObject): EventDraft {
  return {
    type: 'credential.refused',
    actor: { kind: 'device', id: device.id },
    outcome: 'denied',
    device: device.id,
    body,
  };
}
