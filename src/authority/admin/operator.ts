// A caller with an identity (people, machines, AI agents), and how a caller is named on the audit log.

import type { EventActor } from '../../core/event.ts';
import type { Identity } from '../../core/identity.ts';
import type { Caller } from '../context.ts';

export type Operator = Caller & { readonly identity: Identity };

export function actor(caller: Caller): EventActor {
  return { kind: caller.kind, id: caller.id };
}

/** Everything that is here, whether policy lets him discover it or not. */
export function seesAll({ identity }: Operator): boolean {
  return identity.roles.includes('administrator') || identity.roles.includes('auditor');
}

export function isAdministrator(caller: Operator): boolean {
  return caller.identity.roles.includes('administrator');
}
