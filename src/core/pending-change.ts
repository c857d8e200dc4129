// What an administrator wants to change and a second one has to agree to (design section 5, four-eyes): policies,
// locks that are lifted, who administers and who approves.

import type { ChangeId, IdentityId } from './ids.ts';

export type ChangeOrder =
  | {
      readonly kind: 'policy';
      readonly files: Readonly<Record<string, string>>;
      readonly comment?: string;
      /** The revision that it was made for: another one in force voids it. */
      readonly expect: number;
    }
  | { readonly kind: 'unlock'; readonly lock: string }
  | {
      readonly kind: 'keys';
      readonly need: number;
      readonly keys: readonly { readonly name: string; readonly key: string }[];
    }
  | { readonly kind: 'grant' | 'revoke'; readonly identity: string; readonly role: string }
  | {
      readonly kind: 'remove';
      readonly identity: string;
      readonly newOwner?: string;
      readonly lockOwned?: boolean;
    };

export const changeStates = ['pending', 'applied', 'denied', 'failed'] as const;
export type ChangeState = (typeof changeStates)[number];

export interface PendingChange {
  readonly id: ChangeId;
  readonly tenant: string;
  readonly state: ChangeState;
  readonly order: ChangeOrder;
  /** SHA-256 of the order: the same, asked again by the same person, is the same change. */
  readonly hash: string;
  readonly askedBy: IdentityId;
  /** Unix ms. */
  readonly askedAt: number;
  readonly expiresAt: number;
  readonly decidedBy?: IdentityId;
  readonly decidedAt?: number;
  /** Why it was denied, or failed. */
  readonly why?: string;
}
