// Texts that people bring into the records: names, labels, reasons. Refused here unless they are inert,
// so that nothing stored needs care when it is shown (negative test R7).

import { isName, parseLabel } from '../../core/device.ts';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { isPrintable, printable } from '../../core/printable.ts';

export function requireName(text: string): string {
  if (isName(text)) return text;
  throw new SallyportError('invalid', `"${printable(text, 80)}" is not a name`, {
    next: 'a name has 1 to 63 lower-case letters, digits and inner hyphens, for example "pump-7"',
  });
}

export function requireText(text: string, what: string): string {
  if (isPrintable(text)) return text;
  throw new SallyportError(
    'invalid',
    `the ${what} "${printable(text, 80)}" holds characters that cannot be shown`,
    {
      next: 'write it on one line, in plain characters',
    },
  );
}

export function requireLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(labels);
  if (entries.length > limits.labelsMax) {
    throw new SallyportError('invalid', `a device has ${limits.labelsMax} labels at most`);
  }
  for (const [key, value] of entries) {
    if (parseLabel(`${key}=${value}`) === undefined) {
      throw new SallyportError('invalid', `"${printable(`${key}=${value}`, 80)}" is not a label`, {
        next: 'a label is KEY=VALUE, for example "site=lyon"',
      });
    }
  }
  return labels;
}
