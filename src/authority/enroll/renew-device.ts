// Use-case: renew a device certificate (docs/protocol.md, "Renewal"). Detects a second copy of a device's
// key without ever accusing a device that merely lost power: the current (n, secret) moves on by one, the
// very request that was accepted last gets its answer again, and any other one that the device's key has
// signed means that two parties hold that key. Then the device is held, both copies with it.
//
// A request that the key did not sign, or that cannot be read, says nothing about copies: it is refused.
// `nextSecretHash` is SHA-256, base64url, over the secret's text.

import { createPublicKey } from 'node:crypto';
import type { Renewed } from '../../api/enrollments.ts';
import type { Device } from '../../core/device.ts';
import { SallyportError } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import { parseId } from '../../core/ids.ts';
import { complete, text, whole } from '../../wire/fields.ts';
import { keyId, sha256, verifyStatement } from '../../wire/signed.ts';
import type { AuthorityContext, Caller } from '../context.ts';
import { StoreConflict, type Stored } from '../store/store.ts';
import { forgetExpired, issueCredential, requireCsr } from './credentials.ts';
import { holdDevice } from './hold-device.ts';

interface Renewal {
  readonly device: string;
  readonly n: number;
  readonly secret: string;
  readonly nextSecretHash: string;
  readonly csr: string;
}

/** Another renewal and the gate's note of a new link may be faster; a third writer does not exist. */
const turnsMax = 5;
const hashPattern = /^[A-Za-z0-9_-]{43}$/;

export async function renewDevice(ctx: AuthorityContext, caller: Caller, request: string): Promise<Renewed> {
  for (let turn = 1; ; turn += 1) {
    const stored = await requireDevice(ctx, caller);
    const renewal = await readRequest(ctx, stored.value, request);
    const { renewal: state, hold } = stored.value;
    if (hold?.why === 'clone') {
      const why = 'in quarantine';
      const event = refusedEvent(stored.value, { name: stored.value.name, shownN: renewal.n, why });
      await ctx.store.commit({ changes: [], events: [event] });
      throw heldAsCopy(stored.value);
    }
    const requestHash = sha256(request);
    if (requestHash === state.lastRequestHash && state.lastAnswer !== undefined) {
      return JSON.parse(state.lastAnswer) as Renewed;
    }
    if (renewal.n !== state.n || sha256(renewal.secret) !== state.expected) {
      throw await quarantine(ctx, stored.value, renewal);
    }
    try {
      return await renew(ctx, { stored, renewal, requestHash });
    } catch (error) {
      if (!(error instanceof StoreConflict) || turn === turnsMax) throw error;
    }
  }
}

async function requireDevice(ctx: AuthorityContext, caller: Caller): Promise<Stored<Device>> {
  const id = parseId('dev', caller.id);
  const stored = id === undefined ? undefined : await ctx.store.get('device', id);
  if (stored === undefined) throw new SallyportError('not_found', 'there is no such device');
  return stored;
}

async function readRequest(ctx: AuthorityContext, device: Device, request: string): Promise<Renewal> {
  const key = createPublicKey({
    key: Buffer.from(device.publicKey, 'base64url'),
    format: 'der',
    type: 'spki',
  });
  const verified = verifyStatement('renewal', request, (kid) => (kid === keyId(key) ? key : undefined));
  if (!verified.ok)
    throw await refuse(ctx, device, `the request is not signed by its key: ${verified.fault}`);
  const renewal = complete<Renewal>({
    device: text(verified.payload, 'device'),
    n: whole(verified.payload, 'n'),
    secret: text(verified.payload, 'secret'),
    nextSecretHash: text(verified.payload, 'nextSecretHash'),
    csr: text(verified.payload, 'csr'),
  });
  if (renewal === undefined || renewal.device !== device.id || !hashPattern.test(renewal.nextSecretHash)) {
    throw await refuse(ctx, device, 'the request is not complete');
  }
  return renewal;
}

async function renew(
  ctx: AuthorityContext,
  facts: {
    readonly stored: Stored<Device>;
    readonly renewal: Renewal;
    readonly requestHash: string;
  },
): Promise<Renewed> {
  const device = facts.stored.value;
  const key = requireCsr(facts.renewal.csr);
  if (key.spki !== device.spki) throw await refuse(ctx, device, 'the request is for another key');
  const issued = await issueCredential(ctx, { id: device.id, kind: 'device', key });
  const answer: Renewed = {
    n: facts.renewal.n + 1,
    certificate: issued.chainPem,
    keyset: ctx.pki.keysetStatement,
  };
  const next: Device = {
    ...device,
    renewal: {
      n: answer.n,
      expected: facts.renewal.nextSecretHash,
      lastRequestHash: facts.requestHash,
      lastAnswer: JSON.stringify(answer),
    },
  };
  await ctx.store.commit({
    changes: [
      { put: 'device', value: next, rev: facts.stored.rev },
      ...(await forgetExpired(ctx, { holder: device.id, spki: device.spki })),
      { put: 'credential', value: issued.credential, rev: 0 },
    ],
    events: [
      {
        type: 'credential.renewed',
        actor: { kind: 'device', id: device.id },
        outcome: 'success',
        device: device.id,
        credential: issued.credential.id,
        body: {
          name: device.name,
          n: answer.n,
          serial: issued.credential.serial,
          notAfter: new Date(issued.credential.notAfter).toISOString(),
        },
      },
    ],
  });
  return answer;
}

/** Both copies: nobody can tell which one is the thief's. */
async function quarantine(ctx: AuthorityContext, device: Device, renewal: Renewal): Promise<SallyportError> {
  const facts = { name: device.name, shownN: renewal.n, expectedN: device.renewal.n };
  const authority = { kind: 'system', id: 'authority' } as const;
  await holdDevice(ctx, {
    device: device.id,
    why: 'clone',
    by: authority,
    events: [
      refusedEvent(device, { ...facts, why: 'neither the current secret nor the last request' }),
      { type: 'device.quarantined', actor: authority, outcome: 'success', device: device.id, body: facts },
    ],
  });
  return heldAsCopy(device);
}

function heldAsCopy({ name }: Device): SallyportError {
  return new SallyportError('not_accepted', `"${name}" is in quarantine: its key seems to be in two places`, {
    next: `an administrator looks into it, then: sallyport devices accept ${name}, or the device joins again`,
  });
}

async function refuse(ctx: AuthorityContext, device: Device, why: string): Promise<SallyportError> {
  await ctx.store.commit({ changes: [], events: [refusedEvent(device, { name: device.name, why })] });
  return new SallyportError('invalid', `the renewal of "${device.name}" is not valid: ${why}`, {
    next: 'check that the agent is of a version this broker knows',
  });
}

function refusedEvent(device: Device, body: EventDraft['body']): EventDraft {
  return {
    type: 'credential.refused',
    actor: { kind: 'device', id: device.id },
    outcome: 'denied',
    device: device.id,
    body,
  };
}
