// What policy hears of the yes that a person's own passkey said: to the very session that is wished for, or to another
// one before (R-047; passkeys/step-ups.ts keeps them).

import { paramsToJson, type ChannelParams } from '../../core/channel.ts';
import { jsonHash } from '../../wire/signed.ts';
import type { Operator } from '../admin/operator.ts';
import type { AuthorityContext } from '../context.ts';
import type { MfaFacts } from './session-facts.ts';

/**
 * What policy hears of the passkey's yes: to this very wish, where a step-up is shown that fits, and how long ago
 * there was one by the same key. A passkey that was removed meanwhile said nothing.
 */
export async function mfaFacts(
  ctx: AuthorityContext,
  caller: Pick<Operator, 'identity' | 'spki'>,
  wanted: { readonly target: string; readonly params: ChannelParams; readonly stepUp: string | undefined },
): Promise<MfaFacts | undefined> {
  const identity = caller.identity.id;
  const shown = wanted.stepUp === undefined ? undefined : ctx.stepUps.find(wanted.stepUp);
  const isForThis =
    shown?.passkey !== undefined &&
    shown.identity === identity &&
    shown.cnf === caller.spki &&
    shown.wish === wishHash(wanted.target, wanted.params);
  const fresh = ctx.stepUps.freshness({ identity, cnf: caller.spki });
  const passkey = isForThis ? shown.passkey : fresh?.passkey;
  const stored = passkey === undefined ? undefined : await ctx.store.get('passkey', passkey);
  if (stored === undefined || stored.value.identity !== identity) return undefined;
  const ageMs = fresh?.passkey === passkey ? (fresh?.ageMs ?? 0) : 0;
  return { ageMs, isForThis, passkey: stored.value.id };
}

/** The place of a service is the broker's word: any stands for it here. */
export function wishHash(target: string, params: ChannelParams): string {
  const own = target.includes('/') ? { kind: params.kind } : { ...paramsToJson(params) };
  return jsonHash({ target, params: own });
}
