// Use-case: an administrator lifts a lock.

import { SallyportError } from '../../core/errors.ts';
import { parseId } from '../../core/ids.ts';
import { printable } from '../../core/printable.ts';
import type { AuthorityContext } from '../context.ts';
import { liftLock } from '../sessions/place-lock.ts';
import { actor, type Operator } from './operator.ts';

export async function removeLock(
  ctx: AuthorityContext,
  caller: Operator,
  text: string,
): Promise<{ readonly done: true }> {
  const lock = parseId('lck', text);
  if (lock !== undefined && (await liftLock(ctx, { lock, by: actor(caller) }))) return { done: true };
  throw new SallyportError('not_found', `there is no lock "${printable(text, 80)}"`, {
    next: '"sallyport locks ls" lists them',
  });
}
