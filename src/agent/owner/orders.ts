// What the local owner may order over the agent's unix socket: one line of JSON a request. Strict, since
// what half understands an order does half of it. Pure.

import { parseBreakGlassKeys, type BreakGlassKeys } from '../../core/break-glass.ts';
import { parsePty, type PtyParams } from '../../core/channel.ts';
import { limits } from '../../core/limits.ts';
import { parseId } from '../../core/ids.ts';
import { exactly, parseJsonObject } from '../../core/json.ts';
import { readSignedApproverSet, type SignedApproverSet } from '../../wire/approver-set.ts';
import type { SealedFile } from '../../wire/break-glass.ts';
import { text, texts, type Fields } from '../../wire/fields.ts';

export type Order =
  | { readonly do: 'status' }
  /** Consent: for everybody who opens within this time, or for one session. */
  | { readonly do: 'allow'; readonly forMs: number; readonly session?: string }
  /** No more consent. */
  | { readonly do: 'allow_nobody' }
  /** Ends one session, or all. */
  | { readonly do: 'cut'; readonly session?: string }
  /** The approver set of this device is this one now. */
  | { readonly do: 'pin'; readonly approvers: SignedApproverSet }
  /** The offline keys of this device are these now; null: whichever the broker has. */
  | { readonly do: 'pin_breakglass'; readonly keys: BreakGlassKeys | null }
  /** A shell, by a sealed request; the connection is its terminal then. */
  | ({ readonly do: 'breakglass'; readonly pty: PtyParams } & SealedFile);

/** Undefined when the line is no order. */
export function parseOrder(line: string): Order | undefined {
  const fields = parseJsonObject(line);
  if (fields === undefined) return undefined;
  if (fields['do'] === 'pin_breakglass') return readPinKeys(exactly(fields, ['do', 'keys']));
  if (fields['do'] === 'breakglass')
    return readBreakGlass(exactly(fields, ['content', 'do', 'pty', 'signatures']));
  const { do: verb, forMs, session, approvers, ...stray } = fields;
  if (Object.keys(stray).length > 0) return undefined;
  if (verb === 'pin') {
    const read = readSignedApproverSet(approvers);
    return read === undefined || forMs !== undefined || session !== undefined
      ? undefined
      : { do: 'pin', approvers: read };
  }
  if (approvers !== undefined) return undefined;
  const one = typeof session === 'string' ? parseId('ses', session) : undefined;
  if (session !== undefined && one === undefined) return undefined;
  const about = one === undefined ? {} : { session: one };
  if (verb === 'allow') {
    const isTime =
      typeof forMs === 'number' && Number.isInteger(forMs) && forMs > 0 && forMs <= limits.consentMaxMs;
    return isTime ? { do: 'allow', forMs, ...about } : undefined;
  }
  if (forMs !== undefined) return undefined;
  if (verb === 'cut') return { do: 'cut', ...about };
  if (session !== undefined) return undefined;
  return verb === 'status' || verb === 'allow_nobody' ? { do: verb } : undefined;
}

function readPinKeys(fields: Fields | undefined): Order | undefined {
  if (fields?.['keys'] === null) return { do: 'pin_breakglass', keys: null };
  const keys = parseBreakGlassKeys(fields?.['keys']);
  return keys === undefined ? undefined : { do: 'pin_breakglass', keys };
}

function readBreakGlass(fields: Fields | undefined): Order | undefined {
  if (fields === undefined) return undefined;
  const content = text(fields, 'content');
  const signatures = texts(fields, 'signatures');
  const pty = parsePty(fields['pty']);
  if (content === undefined || signatures === undefined || typeof pty === 'string') return undefined;
  return signatures.length > limits.breakGlassKeysMax
    ? undefined
    : { do: 'breakglass', content, signatures, pty };
}
