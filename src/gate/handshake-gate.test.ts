// Turns: so many under way, so many waiting, and no place lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { HandshakeGate } from './handshake-gate.ts';

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await turn();
}

const never = (): void => assert.fail('its turn never comes');

void test('L18 no more than the bound are under way, and each end lets the next one in', async () => {
  const gate = new HandshakeGate({ linkHandshakesMax: 2, waitingMax: 10 });
  const leaves: (() => void)[] = [];
  for (let n = 0; n < 5; n++) gate.enter((leave) => leaves.push(leave));
  await turns(10);
  assert.deepEqual([leaves.length, gate.underWay, gate.waiting], [2, 2, 3]);
  leaves[0]?.();
  leaves[0]?.();
  await turns(10);
  assert.deepEqual([leaves.length, gate.underWay, gate.waiting], [3, 2, 2]);
  for (let n = 1; n < 5; n++) {
    leaves[n]?.();
    await turns(3);
  }
  assert.deepEqual([leaves.length, gate.underWay, gate.waiting], [5, 0, 0]);
});

void test('L18 at most one starts in a turn of the event loop', async () => {
  const gate = new HandshakeGate({ linkHandshakesMax: 10, waitingMax: 10 });
  let started = 0;
  for (let n = 0; n < 5; n++) gate.enter(() => started++);
  const perTurn: number[] = [];
  for (let n = 0; n < 8; n++) {
    const before = started;
    await turn();
    perTurn.push(started - before);
  }
  assert.equal(started, 5);
  assert.ok(Math.max(...perTurn) === 1, perTurn.join());
});

void test('L18 who finds too many waiting is turned away, and who gives up makes room', async () => {
  const gate = new HandshakeGate({ linkHandshakesMax: 1, waitingMax: 2 });
  gate.enter(() => undefined);
  await turns(3);
  const giveUp = gate.enter(never);
  gate.enter(never);
  assert.equal(gate.enter(never), undefined);
  giveUp?.();
  assert.equal(gate.waiting, 1);
  assert.ok(gate.enter(never));
});
