// The set of what the broker answered, read from the text that is signed. Throws where the broker names another hash
// than the one of what it shows.

import type { ApproverSetView } from '../../api/approvers.ts';
import { parseApproverSet, type ApproverSet } from '../../core/approver-set.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseJsonObject } from '../../core/json.ts';
import { approverSetDigest } from '../../wire/approver-set.ts';

export function shownSet({ content, digest }: Pick<ApproverSetView, 'content' | 'digest'>): ApproverSet {
  const set = parseApproverSet(parseJsonObject(content));
  // INVARIANT: the hash is made here, of the set that is shown, and never taken from the broker.
  if (set !== undefined && approverSetDigest(set) === digest) return set;
  throw new SallyportError(
    'internal',
    'the broker names another hash than the one of the set that it shows',
    {
      next: 'nothing was signed; tell whoever runs the broker',
    },
  );
}
