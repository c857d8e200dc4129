// What the authority signs for a link as a whole: the welcome (signed time, epochs) when it starts, and
// a lease every 10 s while it carries sessions (design sections 4 and 6).

import { complete, text, texts, whole, type Fields } from './fields.ts';

/** Answers the agent's hello; `linkNonce` is the agent's own, so a welcome cannot be replayed. */
export interface Welcome {
  readonly device: string;
  readonly linkNonce: string;
  /** The authority's clock, Unix ms. */
  readonly time: number;
  readonly linkEpoch: number;
  readonly stateEpoch: number;
  /** host:port of where the broker may be found, now or later; a broker that says none is where it is. */
  readonly addresses?: readonly string[];
  /** Sessions that ended here without a receipt: the device answers for those too that it never heard of. */
  readonly awaited?: readonly string[];
}

/** The sessions that this link may carry until `validUntil`. What is not listed is cut. */
export interface Lease {
  readonly device: string;
  readonly linkNonce: string;
  /** Rises by one with each lease of a link, from 1. */
  readonly seq: number;
  readonly lockVersion: number;
  readonly sessions: readonly string[];
  readonly issuedAt: number;
  readonly validUntil: number;
}

export function readWelcome(fields: Fields): Welcome | undefined {
  const addresses = texts(fields, 'addresses');
  const awaited = texts(fields, 'awaited');
  const welcome = complete<Omit<Welcome, 'addresses' | 'awaited'>>({
    device: text(fields, 'device'),
    linkNonce: text(fields, 'linkNonce'),
    time: whole(fields, 'time'),
    linkEpoch: whole(fields, 'linkEpoch'),
    stateEpoch: whole(fields, 'stateEpoch'),
  });
  return (
    welcome && {
      ...welcome,
      ...(addresses === undefined ? {} : { addresses }),
      ...(awaited === undefined ? {} : { awaited }),
    }
  );
}

export function readLease(fields: Fields): Lease | undefined {
  const sessions = fields['sessions'];
  return complete<Lease>({
    device: text(fields, 'device'),
    linkNonce: text(fields, 'linkNonce'),
    seq: whole(fields, 'seq'),
    lockVersion: whole(fields, 'lockVersion'),
    sessions:
      Array.isArray(sessions) && sessions.every((id) => typeof id === 'string') ? sessions : undefined,
    issuedAt: whole(fields, 'issuedAt'),
    validUntil: whole(fields, 'validUntil'),
  });
}
