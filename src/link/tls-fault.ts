// What a failed TLS connection to the broker means, in words: unreachable, not our broker, or a clock that
// is wrong. One table for the CLI, the agent's link and its api calls.

import { SallyportError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';

/** Codes that say "the chain does not end in the root you pinned". */
const foreignChain: ReadonlySet<string> = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
  'CERT_CHAIN_TOO_LONG',
  'PATH_LENGTH_EXCEEDED',
]);

/**
 * Translates what node throws while connecting, or while the first bytes move. `via` is the proxy that the
 * connection goes through: what breaks there was as likely broken by it.
 */
export function describeTlsFault(error: unknown, address: string, via?: string): SallyportError {
  if (error instanceof SallyportError) return error;
  const code = faultCode(error);
  const { title, next } = wordsFor(code, address);
  if (via === undefined) return new SallyportError('unavailable', title, { next, cause: error });
  const proxy = `the proxy "${printable(via)}"`;
  return new SallyportError('unavailable', `${title} (through ${proxy})`, {
    next: foreignChain.has(code)
      ? `${proxy} may look into TLS: ask who runs it for an exception for "${address}"`
      : `${next}; or ${proxy} does not let this through`,
    cause: error,
  });
}

/** Whether the code says that the chain ends in somebody else's root. */
export function isForeignChain(code: string): boolean {
  return foreignChain.has(code);
}

export function faultCode(error: unknown): string {
  if (!(error instanceof Error)) return '';
  // Happy-eyeballs failures arrive as an AggregateError whose own code is the last attempt's.
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function wordsFor(code: string, address: string): { readonly title: string; readonly next: string } {
  if (foreignChain.has(code)) {
    return {
      title: `"${address}" is not the broker that was pinned: its certificate comes from another root`,
      next: 'check the address; if it is right, somebody may stand in between, so ask your administrator',
    };
  }
  switch (code) {
    case 'CERT_NOT_YET_VALID':
      return {
        title: `the certificate of "${address}" is not valid yet: the clock here is behind, or the broker's is ahead`,
        next: 'set the clock on both sides, then try again',
      };
    case 'CERT_HAS_EXPIRED':
      return {
        title: `the certificate of "${address}" has expired: the clock here is ahead, or the broker was off for long`,
        next: 'set the clock, or restart the broker, then try again',
      };
    case 'ECONNRESET':
    case 'EPIPE':
      return {
        title: `"${address}" closed the connection before it answered`,
        next: 'the broker may be restarting: try again',
      };
    case 'ECONNREFUSED':
      return {
        title: `nothing listens at "${address}"`,
        next: 'check the address, and that the broker runs',
      };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return {
        title: `the name in "${address}" cannot be resolved`,
        next: 'check the address and the DNS settings',
      };
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return { title: `"${address}" cannot be reached`, next: 'check the network and the firewall' };
    default:
      return {
        title: `the connection to "${address}" failed${code === '' ? '' : ` (${code})`}`,
        next: 'check that this is the broker, and see its log',
      };
  }
}
