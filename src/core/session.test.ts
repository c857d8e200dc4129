import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  canStep,
  IllegalMove,
  isLive,
  step,
  type SessionEvent,
  type SessionLife,
  type SessionState,
} from './session.ts';

const events: readonly SessionEvent[] = [
  { type: 'deny' },
  { type: 'await_approval' },
  { type: 'await_device' },
  { type: 'approve' },
  { type: 'issue' },
  { type: 'connect' },
  { type: 'activate' },
  { type: 'suspend' },
  { type: 'resume' },
  { type: 'end', reason: 'exit' },
  { type: 'close' },
  { type: 'seal' },
];

function walk(...types: readonly SessionEvent['type'][]): SessionLife {
  let life: SessionLife = { state: 'requested' };
  types.forEach((type, index) => {
    const event = events.find((candidate) => candidate.type === type);
    assert.ok(event);
    life = step(life, event, index);
  });
  return life;
}

test('a session goes from request to seal, and remembers when it was active and why it ended', () => {
  const life = walk('approve', 'issue', 'connect', 'activate', 'suspend', 'resume', 'end', 'close', 'seal');
  assert.deepEqual(life, { state: 'sealed', activeAt: 3, endedAt: 6, endReason: 'exit', closedAt: 7 });
});

test('denied and sealed accept nothing', () => {
  for (const state of ['denied', 'sealed'] as const) {
    for (const event of events) {
      assert.equal(canStep(state, event.type), false);
      assert.throws(() => step({ state }, event, 0), IllegalMove);
    }
  }
});

test('an ended session is never live again, whatever happens', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events), { maxLength: 40 }), (moves) => {
      let life: SessionLife = { state: 'requested' };
      let hasEnded = false;
      for (const [now, event] of moves.entries()) {
        if (!canStep(life.state, event.type)) continue;
        life = step(life, event, now);
        if (hasEnded) assert.equal(isLive(life.state), false, life.state);
        hasEnded ||= event.type === 'end' || event.type === 'deny';
      }
    }),
  );
});

test('every state in which a byte may move can be ended', () => {
  const states: readonly SessionState[] = [
    'requested',
    'denied',
    'pending',
    'waiting_device',
    'approved',
    'issued',
    'connecting',
    'active',
    'suspended',
    'terminating',
    'closed',
    'sealed',
  ];
  for (const state of states) if (isLive(state)) assert.equal(canStep(state, 'end'), true, state);
});

test('an illegal move says which, and changes nothing', () => {
  const life: SessionLife = { state: 'issued' };
  assert.throws(() => step(life, { type: 'seal' }, 1), /a session that is issued cannot seal/);
  assert.deepEqual(life, { state: 'issued' });
});
