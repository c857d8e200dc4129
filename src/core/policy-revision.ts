// An immutable policy revision: named Cedar texts, and who applied them.

import type { IdentityId, PolicyRevisionId } from './ids.ts';

export interface PolicyRevision {
  readonly id: PolicyRevisionId;
  readonly tenant: string;
  readonly number: number;
  /** File name -> Cedar text. */
  readonly files: Readonly<Record<string, string>>;
  /** SHA-256 of the canonical files, base64url. */
  readonly hash: string;
  readonly appliedBy: IdentityId | 'system';
  readonly appliedAt: number;
  readonly comment?: string;
}
