// Labels as typed ("site=lyon") and as shown.

import { parseLabel } from '../core/device.ts';
import { SallyportError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';

export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

/** Throws `invalid`. */
export function labelFlags(typed: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    typed.map((text) => {
      const label = parseLabel(text);
      if (label !== undefined) return label;
      throw new SallyportError('invalid', `"${printable(text, 60)}" is not a label`, {
        next: 'write key=value, for example site=lyon',
      });
    }),
  );
}
