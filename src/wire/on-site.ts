// What a device says of a shell that offline keys opened on it, for somebody who was there: signed by the device,
// sent by the api when it began and when it ended, or as soon as there is a broker again.

import { onSiteEnds, type OnSiteEnd } from '../core/break-glass.ts';
import type { JsonObject } from '../core/json.ts';
import { complete, object, text, texts, whole, type Fields } from './fields.ts';

export interface OnSiteReport {
  readonly device: string;
  /** The sealed request as it was shown, and what was signed of it. */
  readonly content: string;
  readonly signatures: readonly string[];
  /** Of processes on the device; never one of the broker's. */
  readonly session: string;
  /** Unix ms, by the device's clock. */
  readonly openedAt: number;
  /** The broker was asked, and said yes. */
  readonly wasAsked: boolean;
  readonly ended?: OnSiteEnded;
}

export interface OnSiteEnded {
  readonly at: number;
  readonly cause: OnSiteEnd;
  readonly processesLeft: number;
  /** Of the whole recording, which stays on the device: base64url, and its length. */
  readonly sha256: string;
  readonly bytes: number;
}

export function readOnSiteReport(fields: Fields): OnSiteReport | undefined {
  const begun = complete<Omit<OnSiteReport, 'ended'>>({
    device: text(fields, 'device'),
    content: text(fields, 'content'),
    signatures: texts(fields, 'signatures'),
    session: text(fields, 'session'),
    openedAt: whole(fields, 'openedAt'),
    wasAsked: typeof fields['wasAsked'] === 'boolean' ? fields['wasAsked'] : undefined,
  });
  if (fields['ended'] === undefined) return begun;
  const ended = readEnded(object(fields, 'ended') ?? {});
  return begun && ended && { ...begun, ended };
}

function readEnded(fields: Fields): OnSiteEnded | undefined {
  return complete<OnSiteEnded>({
    at: whole(fields, 'at'),
    cause: onSiteEnds.find((known) => known === fields['cause']),
    processesLeft: whole(fields, 'processesLeft'),
    sha256: text(fields, 'sha256'),
    bytes: whole(fields, 'bytes'),
  });
}

export function onSitePayload({ ended, signatures, ...begun }: OnSiteReport): JsonObject {
  return { ...begun, signatures: [...signatures], ...(ended === undefined ? {} : { ended: { ...ended } }) };
}
