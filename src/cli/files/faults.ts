// What stops a copy, in words. Codes are those of core/errors.ts.

import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';

export function tooMany(shown: string): SallyportError {
  return new SallyportError('too_large', `"${shown}" holds more than ${limits.filesPlannedMax} files`, {
    next: 'copy it in parts, or as one archive: sallyport exec TARGET -- tar c PATH',
  });
}

export function changedMeanwhile(shown: string): SallyportError {
  return new SallyportError(
    'conflict',
    `"${shown}" changed while it was read: nothing was put in its place`,
    {
      next: 'try again when nothing writes to it',
    },
  );
}

export function damaged(shown: string): SallyportError {
  return new SallyportError(
    'device_file',
    `"${shown}" did not arrive as it was sent: the SHA-256 of both ends differ`,
    { next: 'try again; if it happens twice, suspect a disk or memory: sallyport doctor' },
  );
}

export function notPlain(shown: string, what: string): SallyportError {
  return new SallyportError('invalid', `"${shown}" is ${what}`, {
    next: 'only plain files and directories are copied',
  });
}
