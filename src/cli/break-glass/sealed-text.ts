// A sealed request as people read it, from the text that is signed, and its file.

import type { SealedRequest } from '../../core/break-glass.ts';
import { formatDuration } from '../../core/duration.ts';
import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { openSealed, parseSealedFile, type SealedFile } from '../../wire/break-glass.ts';
import { localTimeAndDistance } from '../moment.ts';
import type { Field } from '../output.ts';
import { readText } from '../read-text.ts';

export function sealedFields(request: SealedRequest, now: number): readonly Field[] {
  return [
    ['who', `${printable(request.identity.name)} (${printable(request.identity.id)})`],
    ['on', printable(request.target)],
    ['for', `${formatDuration(request.forMs)}, once`],
    ['reason', printable(request.reason)],
    ['broker', printable(request.trustDomain)],
    ['his key', printable(request.cnf)],
    ['made', localTimeAndDistance(new Date(request.madeAt).toISOString(), now)],
    ['good until', localTimeAndDistance(new Date(request.notAfter).toISOString(), now)],
  ];
}

/** Throws SallyportError with words. */
export async function readSealedFile(
  path: string,
): Promise<SealedFile & { readonly request: SealedRequest }> {
  const file = parseSealedFile(await readText(path));
  const request = file === undefined ? undefined : openSealed(file.content);
  if (file !== undefined && request !== undefined) return { ...file, request };
  throw new SallyportError('invalid', `"${printable(path)}" holds no sealed request`, {
    next: 'make one: sallyport breakglass request TARGET --reason "…" --to FILE',
  });
}
