// Whether a sealed request opens this device, by nothing but what the device has pinned (negative test I18). Pure.

import { timeFault, type OnSiteRequest } from '../../core/break-glass.ts';
import { openOnSite, openSealed, signersAmong, type SealedFile } from '../../wire/break-glass.ts';
import type { Pinned } from './pinned-keys.ts';

export interface CheckFacts {
  readonly trustDomain: string;
  readonly device: { readonly id: string; readonly name: string };
  readonly pinned: Pinned | undefined;
  /** Unix ms; of a device whose clock stands behind, the latest moment that it knows to be over. */
  readonly now: number;
}

export type CheckAnswer =
  | { readonly ok: true; readonly request: OnSiteRequest; readonly signers: readonly string[] }
  | { readonly ok: false; readonly why: string };

/**
 * One that seems to be made in the future is fine: the clock of a device that was without power stands behind, and
 * what such a request opens is bounded by its one use.
 */
export function checkOnSite(file: SealedFile, facts: CheckFacts): CheckAnswer {
  const request = openOnSite(file.content);
  if (request === undefined) {
    const isForBroker = openSealed(file.content) !== undefined;
    return no(isForBroker ? 'it is one for the broker, not for a device' : 'this is no sealed request');
  }
  const { trustDomain, device, pinned, now } = facts;
  if (request.trustDomain !== trustDomain) return no('it is for a device of another broker');
  if (request.device !== device.id && request.device !== device.name)
    return no(`it is for another device, and this is "${device.name}"`);
  const fault = timeFault(request, now, { isSure: false });
  if (fault !== undefined) return no(fault);
  const { keys } = pinned ?? { keys: { need: 0, keys: [] } };
  if (keys.keys.length === 0) return no('no offline keys are pinned here');
  const signers = signersAmong(keys, file);
  return signers.length >= keys.need
    ? { ok: true, request, signers }
    : no(`${signers.length} of the offline keys signed it, and it takes ${keys.need}`);
}

function no(why: string): CheckAnswer {
  return { ok: false, why };
}
