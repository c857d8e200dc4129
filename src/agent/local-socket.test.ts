// The agent's socket: one line in, one line out, and a conversation where the order is one.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { SallyportError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { ByteStream } from '../link/byte-stream.ts';
import {
  claimSocket,
  Conversation,
  converseWithAgent,
  orderAgent,
  socketPath,
  type LocalSocket,
} from './local-socket.ts';
import type { Order } from './owner/orders.ts';

let dir: string;
let socket: LocalSocket;
let orders: Order[];
let answer: (order: Order) => object;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sp-'));
  orders = [];
  answer = () => ({ fine: true });
  socket = await claimSocket(dir, (order) => {
    orders.push(order);
    return answer(order);
  });
});
afterEach(async () => {
  await socket.close();
  await rm(dir, { recursive: true, force: true });
});

const breakGlass: Order = {
  do: 'breakglass',
  content: '{"reason":"Übertemperatur €"}',
  signatures: ['x.y'],
  pty: { term: 'xterm', cols: 80, rows: 24 },
};

/** Whatever is sent, piece by piece. */
async function raw(...pieces: readonly Uint8Array[]): Promise<string> {
  const client = connect({ path: socketPath(dir) });
  for (const piece of pieces) {
    client.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  let text = '';
  for await (const chunk of client) text += String(chunk);
  return text;
}

test('an order that comes byte by byte is read whole; what comes behind its line makes it none', async () => {
  const bytes = Buffer.from(`${JSON.stringify(breakGlass)}\n`);
  assert.equal(await raw(...[...bytes].map((byte) => Uint8Array.of(byte))), '{"fine":true}\n');
  assert.deepEqual(orders, [breakGlass]);
  assert.match(await raw(Buffer.concat([bytes, Buffer.from('x')])), /does not know that order/);
  assert.match(await raw(Buffer.alloc(limits.localRequestMaxBytes + 1, 'x')), /does not know that order/);
  assert.equal(orders.length, 1);
});

test('a no is thrown with its words; nobody there is undefined', async () => {
  answer = () => {
    throw new SallyportError('denied', 'no', { next: 'ask' });
  };
  await assert.rejects(orderAgent(dir, { do: 'status' }), { code: 'denied', message: 'no', next: 'ask' });
  await assert.rejects(converseWithAgent(dir, breakGlass), { code: 'denied' });
  assert.equal(await orderAgent(join(dir, 'nowhere'), { do: 'status' }), undefined);
  assert.equal(await converseWithAgent(join(dir, 'nowhere'), breakGlass), undefined);
});

test('a conversation goes on behind its answer, both ways', async () => {
  const heard = Promise.withResolvers<string>();
  answer = () =>
    new Conversation({ opened: 1 }, (stream) => {
      stream.write(Buffer.from('first'));
      stream.listen({
        onData: (chunk) => heard.resolve(Buffer.from(chunk).toString()),
        onEnd: () => stream.endClean(),
      });
    });
  const conversed = await converseWithAgent(dir, breakGlass);
  assert.deepEqual(conversed?.answer, { opened: 1 });
  const stream: ByteStream | undefined = conversed?.stream;
  let said = '';
  const ended = new Promise<void>((resolve) => {
    stream?.listen({
      onData: (chunk) => void (said += Buffer.from(chunk).toString()),
      onEnd: () => resolve(),
    });
  });
  stream?.write(Buffer.from('hello'));
  assert.equal(await heard.promise, 'hello');
  stream?.endClean();
  await ended;
  assert.equal(said, 'first');
});
