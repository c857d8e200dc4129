// Orders from a stream of chunks: cut anywhere, bounded, and never skipped.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Order } from '../wire/control.ts';
import { OrderReader } from './order-lines.ts';

const orders: readonly Order[] = [
  { type: 'heartbeat', time: 1_900_000_000_000, lockVersion: 3 },
  { type: 'renewCertificate' },
  { type: 'lease', link: 'lnk_1', lease: 'payload.signature' },
  { type: 'cut', sessions: ['ses_1', 'ses_2'], reason: 'lock' },
  { type: 'closeLink', link: 'lnk_1', reason: 'superseded' },
];
const text = Buffer.from(orders.map((order) => `${JSON.stringify(order)}\n`).join(''));

void test('orders are the same however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 30 }), (sizes) => {
      const reader = new OrderReader(1_000);
      const read: Order[] = [];
      for (let at = 0, n = 0; at < text.length; n++) {
        const size = sizes[n % sizes.length] ?? 1;
        const answer = reader.push(text.subarray(at, at + size));
        assert.ok('orders' in answer);
        read.push(...answer.orders);
        at += size;
      }
      assert.deepEqual(read, orders);
    }),
  );
});

void test('an order that cannot be read is a fault, not a gap', () => {
  const hostile = [
    '\n',
    '{}\n',
    'null\n',
    '{"type":"cut","sessions":["ses_1"],"reason":"because"}\n',
    '{"type":"cut","sessions":"ses_1","reason":"lock"}\n',
    '{"type":"cut","reason":"lock"}\n',
    '{"type":"closeLink","link":"l","reason":"toString"}\n',
    '{"type":"dance"}\n',
    '{"type":"lease","link":1,"lease":"x"}\n',
  ];
  for (const line of hostile) {
    assert.deepEqual(
      new OrderReader(1_000).push(Buffer.from(line)),
      { fault: 'an order that cannot be read' },
      line,
    );
  }
});

void test('a line has a bound, whether it ends or not', () => {
  const long = Buffer.alloc(1_001, ' ');
  assert.deepEqual(new OrderReader(1_000).push(long), { fault: 'an order that does not end' });
  const reader = new OrderReader(1_000);
  for (let n = 0; n < 10; n++) assert.ok('orders' in reader.push(Buffer.alloc(100, ' ')));
  assert.ok('fault' in reader.push(Buffer.from(' ')));
  assert.ok('fault' in new OrderReader(1_000).push(Buffer.concat([long, Buffer.from('\n')])));
});
