// What a device asks for when it renews or recovers, and what the authority signs to have answered
// (docs/protocol.md, "Renewal"). The proof lets a device show later that it once stood there: a store that
// knows less than it proves has been put back from an older copy.

import { complete, text, whole, type Fields } from './fields.ts';

/** Signed by the device key. `secret` is s_n; `nextSecretHash` is SHA-256 of s_n+1's text, base64url. */
export interface RenewalRequest {
  readonly device: string;
  readonly n: number;
  readonly secret: string;
  readonly nextSecretHash: string;
  readonly csr: string;
  /** The newest proof that it was given; absent before its first renewal. */
  readonly proof?: string;
}

/** Signed by the authority with its assertion key: from now on (n, secret with this hash) is current. */
export interface RenewalProof {
  readonly device: string;
  readonly n: number;
  readonly expected: string;
  readonly stateEpoch: number;
  /** Unix ms. */
  readonly time: number;
}

const hashPattern = /^[A-Za-z0-9_-]{43}$/;

export function readRenewalRequest(fields: Fields): RenewalRequest | undefined {
  const proof = text(fields, 'proof');
  const read = complete<Omit<RenewalRequest, 'proof'>>({
    device: text(fields, 'device'),
    n: whole(fields, 'n'),
    secret: text(fields, 'secret'),
    nextSecretHash: text(fields, 'nextSecretHash'),
    csr: text(fields, 'csr'),
  });
  if (read === undefined || !hashPattern.test(read.nextSecretHash)) return undefined;
  return { ...read, ...(proof === undefined ? {} : { proof }) };
}

export function readRenewalProof(fields: Fields): RenewalProof | undefined {
  return complete<RenewalProof>({
    device: text(fields, 'device'),
    n: whole(fields, 'n'),
    expected: text(fields, 'expected'),
    stateEpoch: whole(fields, 'stateEpoch'),
    time: whole(fields, 'time'),
  });
}
