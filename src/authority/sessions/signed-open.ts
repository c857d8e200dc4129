// What the operator signed to open a channel, as the authority reads it: is it a signature at all, is it by
// the key that the session belongs to, for this session and link, over these parameters, and does the
// connection that brought it hold that key too. The device checks the same once more (agent/pass-check.ts).

import { X509Certificate } from 'node:crypto';
import { paramsToJson, parseParams, type ChannelParams } from '../../core/channel.ts';
import type { ErrorCode } from '../../core/errors.ts';
import { parseJsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { Newest } from '../../core/newest.ts';
import type { Session } from '../../core/session-record.ts';
import { operatorKey } from '../../wire/operator-key.ts';
import { readOpen, type Open } from '../../wire/pass.ts';
import { jsonHash, spkiThumbprint, verifyStatement } from '../../wire/signed.ts';

/** An open whose signature is good, by the key that it carries itself. */
export interface SignedOpen {
  readonly open: Open;
  readonly thumbprint: string;
}

/** Undefined when it is not a signed open. */
export function readSignedOpen(statement: string): SignedOpen | undefined {
  let thumbprint: string | undefined;
  const verified = verifyStatement('open', statement, (kid, { spki }) => {
    const found = operatorKey(spki);
    thumbprint = found?.thumbprint;
    return found?.kid === kid ? found.key : undefined;
  });
  const open = verified.ok ? readOpen(verified.payload) : undefined;
  return open === undefined || thumbprint === undefined ? undefined : { open, thumbprint };
}

export interface OpenFault {
  readonly code: ErrorCode;
  readonly message: string;
}

export type CheckedOpen =
  | { readonly ok: true; readonly params: ChannelParams }
  | { readonly ok: false; readonly fault: OpenFault };

/** The parameters that the operator signed, or the first thing that speaks against the open. */
export function checkOpen(
  signed: SignedOpen,
  session: Session,
  brought: { readonly certificate: string; readonly params: string },
): CheckedOpen {
  const fault = openFault(signed, session) ?? connectionFault(brought.certificate, session);
  return fault === undefined ? readParams(signed.open, brought.params) : { ok: false, fault };
}

function openFault({ open, thumbprint }: SignedOpen, session: Session): OpenFault | undefined {
  if (thumbprint !== session.cnf)
    return {
      code: 'open_signature',
      message: 'the open is signed by another key than the one that opened the session',
    };
  if (open.session !== session.id)
    return { code: 'open_signature', message: 'the open names another session' };
  if (open.kind !== session.kind || open.target !== session.target)
    return { code: 'pass_kind', message: 'the open names another kind or target' };
  if (open.linkNonce !== session.linkNonce)
    return { code: 'pass_link', message: 'the open names another link' };
  return undefined;
}

/** Certificate to the thumbprint of its key: the same one comes with each channel of a connection. */
const thumbprints = new Newest<string>(limits.operatorKeysKept);

/** The open alone could have been overheard: who brings it must hold the key as well. */
function connectionFault(certificate: string, session: Session): OpenFault | undefined {
  const thumbprint = thumbprints.get(certificate, () =>
    spkiThumbprint(new X509Certificate(Buffer.from(certificate, 'base64url')).publicKey),
  );
  return thumbprint === session.cnf
    ? undefined
    : {
        code: 'open_signature',
        message: 'the connection is of another key than the one that opened the session',
      };
}

function readParams(open: Open, text: string): CheckedOpen {
  const value = text.length > limits.paramsMaxBytes ? undefined : parseJsonObject(text);
  if (value === undefined) return no('invalid', 'the parameters are not a JSON object, or too long');
  const params = parseParams(value);
  if (typeof params === 'string') return no('invalid', `the parameters are not valid: ${params}`);
  return jsonHash(paramsToJson(params)) === open.paramsHash
    ? { ok: true, params }
    : no('pass_params', 'the parameters are not the ones that the operator signed');
}

function no(code: ErrorCode, message: string): CheckedOpen {
  return { ok: false, fault: { code, message } };
}
