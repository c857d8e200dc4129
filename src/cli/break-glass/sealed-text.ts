// A sealed request as people read it, from the text that is signed, and its file.

import type { OnSiteRequest, SealedRequest } from '../../core/break-glass.ts';
import { formatDuration } from '../../core/duration.ts';
import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { openOnSite, openSealed, parseSealedFile, type SealedFile } from '../../wire/break-glass.ts';
import { localTimeAndDistance } from '../moment.ts';
import type { Field } from '../output.ts';
import { readText } from '../read-text.ts';

export function sealedFields(request: SealedRequest | OnSiteRequest, now: number): readonly Field[] {
  return [
    ...('device' in request ? onSiteFields(request) : brokerFields(request)),
    ['reason', printable(request.reason)],
    ['broker', printable(request.trustDomain)],
    ...('cnf' in request ? ([['his key', printable(request.cnf)]] as const) : []),
    ['made', localTimeAndDistance(new Date(request.madeAt).toISOString(), now)],
    ['good until', localTimeAndDistance(new Date(request.notAfter).toISOString(), now)],
  ];
}

function brokerFields({ identity, target, forMs }: SealedRequest): readonly Field[] {
  return [
    ['who', `${printable(identity.name)} (${printable(identity.id)})`],
    ['on', printable(target)],
    ['for', `${formatDuration(forMs)}, once`],
  ];
}

function onSiteFields({ person, device, user, forMs }: OnSiteRequest): readonly Field[] {
  return [
    ['who', `${printable(person)}, standing before it`],
    ['on site, at', printable(device)],
    ['as', user === '' ? "the agent's own user" : `user ${printable(user)}`],
    ['for', `${formatDuration(forMs)}, once`],
  ];
}

interface ReadSealed<T> extends SealedFile {
  readonly request: T;
}

/** Throws SallyportError with words. */
export async function readSealedFile(path: string): Promise<ReadSealed<SealedRequest | OnSiteRequest>> {
  const file = parseSealedFile(await readText(path));
  const request = file === undefined ? undefined : (openSealed(file.content) ?? openOnSite(file.content));
  if (file !== undefined && request !== undefined) return { ...file, request };
  throw new SallyportError('invalid', `"${printable(path)}" holds no sealed request`, {
    next: 'make one: sallyport breakglass request TARGET --reason "…" --to FILE',
  });
}

/** One that the broker decides. Throws SallyportError with words. */
export async function readBrokerFile(path: string): Promise<SealedFile> {
  const { request, ...file } = await readSealedFile(path);
  if (!('device' in request)) return file;
  throw new SallyportError('invalid', `"${printable(path)}" is for a device, not for the broker`, {
    next: 'on that device: sallyport agent breakglass FILE',
  });
}

/** One that a device decides. Throws SallyportError with words. */
export async function readOnSiteFile(path: string): Promise<ReadSealed<OnSiteRequest>> {
  const { request, ...file } = await readSealedFile(path);
  if ('device' in request) return { ...file, request };
  throw new SallyportError('invalid', `"${printable(path)}" is for the broker, not for a device`, {
    next: 'at the broker: sallyport breakglass open FILE; for a device: sallyport breakglass request DEVICE --on-site …',
  });
}
