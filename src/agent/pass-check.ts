// Whether a channel may be opened: every check of docs/protocol.md, "The pass", in its order, each with
// its own code (negative test L7). A hostile gate is the adversary: it brings all three headers. Pure: the
// facts come in, an answer goes out; the one thing it changes is the session's window of used numbers.

import type { KeyObject } from 'node:crypto';
import { paramsToJson, parseParams, type ChannelParams } from '../core/channel.ts';
import type { ErrorCode } from '../core/errors.ts';
import { canonicalJson, parseJsonObject } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import { operatorKey } from '../wire/operator-key.ts';
import { readOpen, readPass, type Open, type Pass } from '../wire/pass.ts';
import { sha256, verifyStatement } from '../wire/signed.ts';

/** What the gate brought with the request. */
export interface Presented {
  /** From the path. */
  readonly kind: string;
  readonly pass: string | undefined;
  readonly open: string | undefined;
  readonly params: string | undefined;
}

/** What this device knows. */
export interface PassFacts {
  readonly device: string;
  readonly linkNonce: string;
  /** The highest state epoch ever seen. */
  readonly stateEpoch: number;
  /** Signed time, Unix ms. */
  readonly now: number;
  readonly findPassKey: (kid: string) => KeyObject | undefined;
  /** Whether the session is leased now, counting this pass. */
  readonly isLeased: (pass: Pass) => boolean;
  /** Uses up a number of a session; false when it was used. Called last, when all else is good. */
  readonly useNumber: (session: string, n: number) => boolean;
}

export type PassAnswer =
  | { readonly ok: true; readonly pass: Pass; readonly params: ChannelParams }
  | { readonly ok: false; readonly code: ErrorCode; readonly title: string };

export function checkPass(presented: Presented, facts: PassFacts): PassAnswer {
  // 1. Is it a pass of our authority, for this device, on this link?
  if (presented.pass === undefined) return no('pass_malformed', 'the request carries no pass');
  const statement = verifyStatement('pass', presented.pass, facts.findPassKey);
  if (!statement.ok) {
    return statement.fault === 'malformed'
      ? no('pass_malformed', 'the pass cannot be read')
      : no('pass_signature', 'the pass is not signed by a key of this broker');
  }
  const pass = readPass(statement.payload);
  if (pass === undefined) return no('pass_malformed', 'the pass lacks a member, or one has the wrong type');
  if (pass.device !== facts.device) return no('pass_device', 'the pass is for another device');
  if (pass.stateEpoch < facts.stateEpoch) return no('pass_epoch', 'the pass is from before a restore');
  if (pass.linkNonce !== facts.linkNonce) return no('pass_link', 'the pass is for another link');

  // 2. Is it for what is asked now?
  if (pass.kind !== presented.kind) return no('pass_kind', `the pass is for "${pass.kind}"`);
  const params = readParams(presented.params, pass);
  if (params === undefined) return no('pass_params', 'the parameters are not those of the pass');

  // 3. Is it still good?
  if (facts.now > pass.startBy) return no('pass_expired', 'the pass was to be used earlier');
  if (facts.now >= pass.mustEndAt) return no('pass_expired', 'the session is over its time');
  if (!facts.isLeased(pass)) return no('lease_stale', 'the session is not leased');

  // 4. Did the operator's own key ask for this?
  if (presented.open === undefined) return no('open_missing', "the operator's signature is missing");
  if (!isOperatorsOpen(presented.open, pass)) {
    return no('open_signature', "the operator's signature is not for this channel");
  }

  // 5. For the first time?
  if (!facts.useNumber(pass.session, pass.n)) return no('pass_replayed', 'the pass was used before');
  return { ok: true, pass, params };
}

/** Parse once: the text is hashed, parsed, and must be the canonical text of what was parsed. */
function readParams(header: string | undefined, pass: Pass): ChannelParams | undefined {
  if (header === undefined || !/^[A-Za-z0-9_-]+$/.test(header)) return undefined;
  const bytes = Buffer.from(header, 'base64url');
  if (bytes.length > limits.paramsMaxBytes || sha256(bytes) !== pass.paramsHash) return undefined;
  const text = bytes.toString('utf8');
  const params = parseParams(parseJsonObject(text));
  if (typeof params === 'string' || params.kind !== pass.kind) return undefined;
  return canonicalJson(paramsToJson(params)) === text ? params : undefined;
}

function isOperatorsOpen(statement: string, pass: Pass): boolean {
  // The key travels inside the statement; the pass, which the authority signed, says which key it must be.
  const verified = verifyStatement('open', statement, (kid, { spki }) => {
    const found = operatorKey(spki);
    return found?.thumbprint === pass.cnf && found.kid === kid ? found.key : undefined;
  });
  const open = verified.ok ? readOpen(verified.payload) : undefined;
  return open !== undefined && isForPass(open, pass);
}

function isForPass(open: Open, pass: Pass): boolean {
  return (
    open.session === pass.session &&
    open.n === pass.n &&
    open.kind === pass.kind &&
    open.target === pass.target &&
    open.paramsHash === pass.paramsHash &&
    open.linkNonce === pass.linkNonce
  );
}

function no(code: ErrorCode, title: string): PassAnswer {
  return { ok: false, code, title };
}
