// What the operator signed to open a channel, as the authority reads it: is it a signature at all, is it by
// the key that the session belongs to, for this session and link, over these parameters, and does the
// connection that brought it hold that key too. The device checks the same once more (agent/pass-check.ts).

import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { paramsToJson, parseParams } from '../../core/channel.ts';
import type { ErrorCode } from '../../core/errors.ts';
import { parseJsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import type { Session } from '../../core/session-record.ts';
import { readOpen, type Open } from '../../wire/pass.ts';
import { jsonHash, keyId, spkiThumbprint, verifyStatement } from '../../wire/signed.ts';

/** Undefined when it is not a signed open. */
export function readSignedOpen(statement: string): Open | undefined {
  let key: KeyObject | undefined;
  const verified = verifyStatement('open', statement, (kid) => {
    key = openKey(statement);
    return key !== undefined && keyId(key) === kid ? key : undefined;
  });
  if (!verified.ok || key === undefined) return undefined;
  return readOpen(verified.payload);
}

/** The key is in the statement itself; what makes it the right one is its thumbprint, checked against cnf. */
function openKey(statement: string): KeyObject | undefined {
  const payload = parseJsonObject(Buffer.from(statement.split('.')[0] ?? '', 'base64url').toString('utf8'));
  const spki = payload?.['spki'];
  if (typeof spki !== 'string' || spki.length > 256) return undefined;
  try {
    const key = createPublicKey({ key: Buffer.from(spki, 'base64url'), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ec' || key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined; // not a key: the caller refuses with open_signature
  }
}

export interface OpenFault {
  readonly code: ErrorCode;
  readonly message: string;
}

/** The first thing that speaks against it. */
export function faultOfOpen(
  open: Open,
  session: Session,
  brought: { readonly certificate: string; readonly params: string },
): OpenFault | undefined {
  return (
    openFault(open, session) ??
    connectionFault(brought.certificate, session) ??
    paramsFault(open, brought.params)
  );
}

function openFault(open: Open, session: Session): OpenFault | undefined {
  const key = createPublicKey({ key: Buffer.from(open.spki, 'base64url'), format: 'der', type: 'spki' });
  if (spkiThumbprint(key) !== session.cnf)
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

/** The open alone could have been overheard: who brings it must hold the key as well. */
function connectionFault(certificate: string, session: Session): OpenFault | undefined {
  const leaf = new X509Certificate(Buffer.from(certificate, 'base64url'));
  return spkiThumbprint(leaf.publicKey) === session.cnf
    ? undefined
    : {
        code: 'open_signature',
        message: 'the connection is of another key than the one that opened the session',
      };
}

function paramsFault(open: Open, text: string): OpenFault | undefined {
  const value = text.length > limits.paramsMaxBytes ? undefined : parseJsonObject(text);
  if (value === undefined)
    return { code: 'invalid', message: 'the parameters are not a JSON object, or too long' };
  const params = parseParams(value);
  if (typeof params === 'string')
    return { code: 'invalid', message: `the parameters are not valid: ${params}` };
  return jsonHash(paramsToJson(params)) === open.paramsHash
    ? undefined
    : { code: 'pass_params', message: 'the parameters are not the ones that the operator signed' };
}
