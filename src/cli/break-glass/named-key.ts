// NAME=KEY, as the public half of an offline key is typed.

import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';

/** Throws SallyportError with words. */
export function readNamedKey(typed: string): { readonly name: string; readonly key: string } {
  const at = typed.indexOf('=');
  if (at > 0) return { name: typed.slice(0, at), key: typed.slice(at + 1) };
  throw new SallyportError('invalid', `"${printable(typed, 60)}" is not NAME=KEY`, {
    next: 'the KEY is what "sallyport breakglass key" printed',
  });
}
