// The head of an operator's channel request (docs/protocol.md, "The channel connection"), parsed once.
// Who may open what is not looked at here: the authority decides that, the agent checks it. Pure.

import type { IncomingHttpHeaders } from 'node:http2';
import { isServedKind, type ServedKind } from '../core/channel.ts';
import { SallyportError } from '../core/errors.ts';
import { parseId, type SessionId } from '../core/ids.ts';
import { limits } from '../core/limits.ts';
import { printable } from '../core/printable.ts';

export interface ChannelHead {
  readonly kind: ServedKind;
  readonly session: SessionId;
  readonly open: string;
  /** Canonical JSON of the parameters: as text for the authority, as received for the agent. */
  readonly params: string;
  readonly encodedParams: string;
}

export const channelVersion = '1';
const pathPattern = /^\/channels\/([a-z]{1,16})$/;
const statementPattern = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const base64urlPattern = /^[A-Za-z0-9_-]+$/;

/** Throws SallyportError for everything that is not exactly such a head. */
export function readChannelHead(request: {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}): ChannelHead {
  const { method, path, headers } = request;
  const version = headers['sallyport-version'];
  if (version !== channelVersion) {
    const shown = typeof version === 'string' ? `version "${printable(version, 20)}"` : 'no version';
    throw new SallyportError('version_unsupported', `you speak ${shown}, this gate speaks "1"`, {
      next: 'install the version of sallyport that the broker runs',
    });
  }
  const kind = pathPattern.exec(path)?.[1];
  if (method !== 'POST' || kind === undefined) {
    throw new SallyportError('not_found', 'there is nothing here but POST /channels/<kind>');
  }
  if (!isServedKind(kind)) {
    throw new SallyportError('kind_unsupported', `channels of kind "${kind}" are not served`);
  }
  const session = parseId('ses', one(headers, 'sallyport-session'));
  if (session === undefined) throw malformed('sallyport-session');
  const open = one(headers, 'sallyport-open');
  if (open === '') throw new SallyportError('open_missing', 'the signed open is missing');
  if (!statementPattern.test(open)) throw malformed('sallyport-open');
  const encodedParams = one(headers, 'sallyport-params');
  if (!base64urlPattern.test(encodedParams)) throw malformed('sallyport-params');
  const params = decodeText(encodedParams);
  if (params === undefined) throw malformed('sallyport-params');
  if (params.length > limits.paramsMaxBytes) {
    throw new SallyportError('too_large', `the parameters are over ${limits.paramsMaxBytes} bytes`, {
      next: 'pass long input on stdin instead of as arguments',
    });
  }
  return { kind, session, open, params, encodedParams };
}

/** Node joins a field that comes twice with a comma, which no pattern here allows. */
function one(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : '';
}

function decodeText(encoded: string): string | undefined {
  const bytes = Buffer.from(encoded, 'base64url');
  const text = bytes.toString('utf8');
  // Both ways exact: what the authority reads as text is byte for byte what the agent decodes.
  const isExact = Buffer.from(text, 'utf8').equals(bytes) && bytes.toString('base64url') === encoded;
  return isExact ? text : undefined;
}

function malformed(name: string): SallyportError {
  return new SallyportError('invalid', `the header "${name}" is missing or malformed`);
}
