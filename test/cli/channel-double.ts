// The far end of a channel in transcript tests: checks the operator's signed open as an agent would, then
// speaks frames as the test says.

import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { parseParams, paramsToJson, type ChannelParams } from '../../src/core/channel.ts';
import { SallyportError } from '../../src/core/errors.ts';
import { parseJsonObject } from '../../src/core/json.ts';
import type { ByteStream } from '../../src/link/byte-stream.ts';
import type { IncomingRequest } from '../../src/link/served-session.ts';
import {
  encodeExit,
  encodeFrames,
  FrameDecoder,
  frameType,
  type Exit,
  type FrameType,
} from '../../src/wire/frames.ts';
import { readOpen, type Open } from '../../src/wire/pass.ts';
import { jsonHash, keyId, verifyStatement } from '../../src/wire/signed.ts';
import type { FakeBroker } from './fake-broker.ts';

export const sessionId = `ses_${'0'.repeat(26)}`;
export const linkNonce = Buffer.alloc(32, 9).toString('base64url');

export const sessionView = {
  id: sessionId,
  identity: { id: 'human-1', name: 'ana' },
  device: { id: `dev_${'0'.repeat(26)}`, name: 'pump-7' },
  target: 'pump-7',
  kind: 'exec',
  state: 'issued',
  live: true,
  policy: `pol_${'0'.repeat(26)}`,
  policies: ['operators'],
  createdAt: '2030-01-01T00:00:00.000Z',
  mustEndAt: '2030-01-01T08:00:00.000Z',
  idleMs: 600_000,
  channels: 1,
  bytesUp: 0,
  bytesDown: 0,
};

/** The broker grants every session. */
export function grantSessions(broker: FakeBroker, more: { readonly banner?: string } = {}): void {
  broker.routes.set('POST /v1/sessions', () => ({ session: sessionView, linkNonce, ...more }));
}

/** The session has ended, for this reason, as the api tells it. */
export function endSessions(broker: FakeBroker, endReason: string, endDetail: string): void {
  broker.routes.set('GET /v1/sessions/*', () => ({ ...sessionView, live: false, endReason, endDetail }));
}

export interface Frame {
  readonly type: FrameType;
  readonly payload: Buffer;
}

export interface DeviceEnd {
  readonly params: ChannelParams;
  readonly stream: ByteStream;
  send(type: FrameType, payload: string | Uint8Array): boolean;
  /** Exit frame and clean end, as an agent ends. */
  exit(exit: Exit): void;
}

/** Accepts a channel whose open verifies; every frame of the operator goes to `onFrame`. */
export function acceptChannel(
  request: IncomingRequest,
  onFrame: (frame: Frame, device: DeviceEnd) => void,
  onEnd: (how: 'clean' | 'cut') => void = () => undefined,
): DeviceEnd {
  const { params } = checkOpen(request);
  const stream = request.accept();
  const device: DeviceEnd = {
    params,
    stream,
    send(type, payload) {
      let hasRoom = true;
      for (const part of encodeFrames(type, Buffer.from(payload))) hasRoom = stream.write(part);
      return hasRoom;
    },
    exit(exit) {
      stream.write(encodeExit(exit));
      stream.endClean();
    },
  };
  const decoder = new FrameDecoder(
    [frameType.stdin, frameType.stdinEnd, frameType.resize, frameType.signal],
    (type, payload) => onFrame({ type, payload: Buffer.from(payload) }, device),
  );
  stream.listen({ onData: (chunk) => decoder.push(chunk), onEnd: (end) => onEnd(end.how) });
  return device;
}

/** The checks of an agent that concern the operator's own statement. */
export function checkOpen(
  request: IncomingRequest,
  target = 'pump-7',
): { readonly params: ChannelParams; readonly open: Open } {
  const text = (name: string): string => String(request.headers[name]);
  assert.equal(text('sallyport-version'), '1');
  assert.equal(text('sallyport-session'), sessionId);
  const encoded = Buffer.from(text('sallyport-params'), 'base64url').toString('utf8');
  const params = parseParams(parseJsonObject(encoded));
  if (typeof params === 'string') throw new SallyportError('pass_params', params);
  const statement = text('sallyport-open');
  const claimed = parseJsonObject(Buffer.from(statement.split('.')[0] ?? '', 'base64url').toString('utf8'));
  const key = createPublicKey({
    key: Buffer.from(String(claimed?.['spki']), 'base64url'),
    format: 'der',
    type: 'spki',
  });
  const verified = verifyStatement('open', statement, (kid) => (kid === keyId(key) ? key : undefined));
  const open = verified.ok ? readOpen(verified.payload) : undefined;
  if (open === undefined) throw new SallyportError('open_signature', 'the open does not verify');
  assert.equal(open.session, sessionId);
  assert.equal(open.kind, params.kind);
  assert.equal(open.target, target);
  assert.equal(open.linkNonce, linkNonce);
  assert.equal(open.paramsHash, jsonHash(paramsToJson(params)));
  assert.equal(request.path, `/channels/${params.kind}`);
  return { params, open };
}
