// Use-case: a device whose certificate has ended comes back by proof of its key, on a route that asks no
// certificate (docs/protocol.md, "Recovery"). Whoever asks is a stranger until the signature is checked: he is
// counted per address, what is refused is on the log within bounds, and an unknown device and a wrong
// signature have one answer.

import type { Renewed } from '../../api/enrollments.ts';
import type { Device } from '../../core/device.ts';
import { SallyportError, type ErrorCode } from '../../core/errors.ts';
import { parseId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { publicKeyOf } from '../../platform/keys.ts';
import { readRenewalRequest } from '../../wire/renewal.ts';
import { keyId, verifyStatement } from '../../wire/signed.ts';
import { Attempts } from '../api/attempts.ts';
import type { Refusals } from '../api/refusals.ts';
import type { AuthorityContext } from '../context.ts';
import { renewDevice } from './renew-device.ts';

export interface RecoveryRequest {
  readonly request: string;
  readonly sourceIp: string;
}

/** Holds what must be counted across recoveries. */
export class RecoverDoor {
  readonly #ctx: AuthorityContext;
  readonly #attempts: Attempts;

  constructor(ctx: AuthorityContext, refusals: Refusals) {
    this.#ctx = ctx;
    this.#attempts = new Attempts(ctx, refusals, {
      perMinute: limits.recoverAttemptsPerAddressPerMinute,
      what: 'recoveries',
      next: 'the device tries again by itself',
    });
  }

  async recover({ request, sourceIp }: RecoveryRequest): Promise<Renewed> {
    const ctx = this.#ctx;
    this.#attempts.requireLeft(sourceIp);
    const device = await this.#provenDevice(request);
    if (device === undefined) {
      this.#attempts.count(sourceIp);
      await this.#note('unauthenticated', 'not signed by the key of a device', sourceIp);
      throw new SallyportError(
        'unauthenticated',
        'this is not signed by the key of a device that is known here',
        {
          next: 'the device joins again: sallyport devices invite NAME',
        },
      );
    }
    const lock = ctx.locks.find({ tenant: device.tenant, device: device.id });
    if (lock !== undefined) {
      await this.#note('locked', `"${device.name}" is locked`, sourceIp);
      throw new SallyportError('locked', `"${device.name}" is locked: ${printable(lock.reason)}`, {
        next: 'an administrator unlocks it: sallyport locks ls',
      });
    }
    const absentMs = await absence(ctx, device);
    if (absentMs > limits.recoveryMaxMs) {
      await this.#note('forbidden', `"${device.name}" was away for too long`, sourceIp);
      throw new SallyportError('forbidden', `"${device.name}" was away for longer than a key is trusted`, {
        next: `it joins again: an administrator removes it and invites it anew`,
      });
    }
    return await renewDevice(ctx, {
      device: device.id,
      request,
      sourceIp,
      recovery: { absentMs, ...(absentMs > limits.recoveryFreeMs ? { hold: 'long_absent' } : {}) },
    });
  }

  /** The device whose key has signed this; undefined for everything else. */
  async #provenDevice(request: string): Promise<Device | undefined> {
    // Read before it is verified: only its own device can tell by which key.
    let named: string | undefined;
    verifyStatement('renewal', request, (_kid, payload) => {
      named = readRenewalRequest(payload)?.device;
      return undefined;
    });
    const id = named === undefined ? undefined : parseId('dev', named);
    const device = id === undefined ? undefined : (await this.#ctx.store.get('device', id))?.value;
    if (device === undefined) return undefined;
    const key = publicKeyOf(device.publicKey);
    return verifyStatement('renewal', request, (kid) => (kid === keyId(key) ? key : undefined)).ok
      ? device
      : undefined;
  }

  async #note(code: ErrorCode, why: string, sourceIp: string): Promise<void> {
    await this.#attempts.note({ type: 'auth.failed', code, body: { why, door: 'recovery' } }, sourceIp);
  }
}

/** Since its newest certificate ended, ms; 0 while one still holds. */
async function absence(ctx: AuthorityContext, device: Device): Promise<number> {
  const newest = await ctx.store.list('credential', { holder: device.id }, { order: 'newest', limit: 1 });
  const notAfter = newest.items[0]?.value.notAfter ?? device.createdAt;
  return Math.max(0, ctx.clock.now() - notAfter);
}
