// A person lets a machine or an AI agent act for him, and that one perhaps another (design section 4; RFC 8693, `act`):
// who acts is authenticated by his own key, and may do what every one in the chain may do, within what was delegated,
// while every one of them is somebody. Each hop can only narrow. Pure.

import type { DelegationId, IdentityId } from './ids.ts';
import type { RequestAction } from './request.ts';

export interface DelegationScope {
  /** Targets as typed: "pump-7", "pump-7/db". A device is not its services. */
  readonly targets: readonly string[];
  readonly actions: readonly RequestAction[];
  /** Unix ms. */
  readonly expiresAt: number;
}

export interface Delegation extends DelegationScope {
  readonly id: DelegationId;
  readonly tenant: string;
  /** Who may act. */
  readonly actor: IdentityId;
  /** For whom: the person first, then each hop, the actor not among them. */
  readonly chain: readonly [IdentityId, ...IdentityId[]];
  readonly parent?: DelegationId;
  /** Thumbprint of the key of the person's sign-in: it ends with that. */
  readonly cnf: string;
  readonly createdAt: number;
  readonly endedAt?: number;
}

export function isWithinScope(narrow: DelegationScope, wide: DelegationScope): boolean {
  return (
    narrow.targets.every((target) => wide.targets.includes(target)) &&
    narrow.actions.every((action) => wide.actions.includes(action)) &&
    narrow.expiresAt <= wide.expiresAt
  );
}

export function isCovered(scope: DelegationScope, target: string, action: string): boolean {
  return scope.targets.includes(target) && scope.actions.some((known) => known === action);
}
