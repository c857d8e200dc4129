// Facts about a person's wish, gathered the same way for opening, for each channel and for review: the
// question that policy is asked, and the lock that may stand in the way.

import type { ChannelParams } from '../../core/channel.ts';
import { actionOfKind, type Question } from '../../core/decision.ts';
import type { Device } from '../../core/device.ts';
import type { Identity } from '../../core/identity.ts';
import type { Lock } from '../../core/lock.ts';
import type { Session } from '../../core/session-record.ts';
import type { AuthorityContext } from '../context.ts';

export interface Wish {
  readonly identity: Identity;
  readonly device: Device;
  readonly kind: ChannelParams['kind'];
  readonly argv?: readonly string[];
  readonly user?: string;
  readonly sourceIp?: string;
}

export function questionOf(wish: Wish, now: number): Question {
  return {
    principal: wish.identity,
    action: actionOfKind(wish.kind),
    device: wish.device,
    context: {
      now,
      ...(wish.sourceIp === undefined ? {} : { sourceIp: wish.sourceIp }),
      ...(wish.argv === undefined ? {} : { argv: wish.argv }),
      ...(wish.user === undefined ? {} : { user: wish.user }),
    },
  };
}

/** The wish that a live session stands for: a later policy is asked the same question. */
export function wishOfSession(session: Session, identity: Identity, device: Device): Wish {
  return {
    identity,
    device,
    kind: session.kind,
    ...(session.argv === undefined ? {} : { argv: session.argv }),
    ...(session.user === undefined ? {} : { user: session.user }),
    ...(session.sourceIp === undefined ? {} : { sourceIp: session.sourceIp }),
  };
}

export function wishOfParams(
  params: ChannelParams,
  who: { readonly identity: Identity; readonly device: Device; readonly sourceIp: string },
): Wish {
  return {
    ...who,
    kind: params.kind,
    ...(params.kind === 'exec' ? { argv: params.argv } : {}),
    ...(params.user === undefined ? {} : { user: params.user }),
  };
}

export function lockOn(ctx: AuthorityContext, identity: Identity, device: Device): Lock | undefined {
  return ctx.locks.find({ identity: identity.id, owner: identity.owner, device: device.id });
}

export function canDiscover(ctx: AuthorityContext, identity: Identity, device: Device): boolean {
  if (identity.tenant !== device.tenant) return false;
  const question = { action: 'discover', device, context: { now: ctx.clock.now() } } as const;
  return ctx.policy.whoCan(question, [identity]).length === 1;
}
