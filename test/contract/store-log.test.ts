// The Store contract, the audit log: events in their places, filters, listeners, and a chain that verifies.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DeviceId, IdentityId, SessionId } from '../../src/core/ids.ts';
import { limits } from '../../src/core/limits.ts';
import type { Store } from '../../src/authority/store/store.ts';
import { bodies, event, identity, lock, notes, verifyLog } from './store-bodies.ts';

for (const body of bodies) {
  describe(`store (${body.name}): log`, () => {
    test('events stand on the log in call order, numbered from 1 without a gap', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const names = Array.from({ length: 300 }, (_, index) => `event ${index}`);
      const written = await Promise.all(
        names.map((name) => store.commit({ changes: [], events: [event(name), event(`${name}, second`)] })),
      );
      assert.deepEqual(
        written.flat().map(({ seq }) => seq),
        Array.from({ length: 600 }, (_, index) => index + 1),
      );
      assert.deepEqual(
        await notes(store),
        names.flatMap((name) => [name, `${name}, second`]),
      );
    });

    test('an event is read back as the commit answered it', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const draft = event('nested', { code: 'lock', policies: ['a', 'b'], body: { a: [1, { b: null }] } });
      const [written] = await store.commit({ changes: [], events: [draft] });
      assert.ok(written);
      assert.match(written.id, /^evt_/);
      assert.equal(written.time, '2030-01-01T00:00:00.000000Z');
      assert.deepEqual(written, { ...draft, seq: 1, id: written.id, time: written.time });
      assert.deepEqual(await store.event(written.id), written);
      assert.deepEqual(await store.events({}, { limit: 1 }), [written]);
      assert.equal(await store.event('evt_nothing'), undefined);
    });

    test('time on the log rises, also when the clock stands or goes back', async () => {
      await using opened = await body.open();
      const { store, clock } = opened;
      await store.commit({ changes: [], events: [event('a'), event('b')] });
      clock.setNow(clock.now() - 86_400_000);
      await store.commit({ changes: [], events: [event('c')] });
      clock.setNow(clock.now() + 2 * 86_400_000);
      await store.commit({ changes: [], events: [event('d')] });
      const times = (await store.events({}, { limit: 10 })).map(({ time }) => time);
      assert.deepEqual(times, [
        '2030-01-01T00:00:00.000000Z',
        '2030-01-01T00:00:00.000001Z',
        '2030-01-01T00:00:00.000002Z',
        '2030-01-02T00:00:00.000000Z',
      ]);
    });

    test('events are narrowed by type, by whom and what they concern, and by time', async () => {
      await using opened = await body.open();
      const { store, clock } = opened;
      const idn = 'idn_a' as IdentityId;
      const dev = 'dev_a' as DeviceId;
      const ses = 'ses_a' as SessionId;
      await store.commit({ changes: [], events: [event('about', { identity: idn, type: 'role.granted' })] });
      clock.advance(1_000);
      const actor = { kind: 'human', id: idn } as const;
      await store.commit({ changes: [], events: [event('by', { actor, device: dev })] });
      clock.advance(1_000);
      await store.commit({
        changes: [],
        events: [event('in', { session: ses, device: dev, type: 'session.ended' })],
      });
      const found = async (filter: Parameters<Store['events']>[0]): Promise<readonly unknown[]> =>
        (await store.events(filter, { limit: 10 })).map(({ body: { note } }) => note);
      assert.deepEqual(await found({ identity: idn }), ['about', 'by']);
      assert.deepEqual(await found({ device: dev }), ['by', 'in']);
      assert.deepEqual(await found({ device: dev, session: ses }), ['in']);
      assert.deepEqual(await found({ types: ['role.granted', 'session.ended'] }), ['about', 'in']);
      assert.deepEqual(await found({ types: [] }), []);
      assert.deepEqual(await found({ from: '2030-01-01T00:00:01Z' }), ['by', 'in']);
      assert.deepEqual(await found({ until: '2030-01-01T01:00:02+01:00' }), ['about', 'by']);
      assert.deepEqual(await found({ from: '2030-01-01T00:00:00.000001Z', until: '2030-01-01T00:00:02z' }), [
        'by',
      ]);
      await assert.rejects(found({ from: 'yesterday' }), { code: 'invalid' });
    });

    test('events are paged by number, upward and from the newest', async () => {
      await using opened = await body.open();
      const { store } = opened;
      await store.commit({ changes: [], events: Array.from({ length: 10 }, (_, n) => event(String(n))) });
      const seqs = async (page: Parameters<Store['events']>[1]): Promise<readonly number[]> =>
        (await store.events({}, page)).map(({ seq }) => seq);
      assert.deepEqual(await seqs({ limit: 3 }), [1, 2, 3]);
      assert.deepEqual(await seqs({ limit: 3, afterSeq: 3 }), [4, 5, 6]);
      assert.deepEqual(await seqs({ limit: 3, afterSeq: 9 }), [10]);
      assert.deepEqual(await seqs({ limit: 3, newest: true }), [10, 9, 8]);
      assert.deepEqual(await seqs({ limit: 9, newest: true, afterSeq: 8 }), [10, 9]);
      assert.deepEqual(await seqs({ limit: -1 }), [1]);
    });

    test('listeners hear every commit once, in order, until they leave', async () => {
      await using opened = await body.open();
      const { store, said } = opened;
      const heard: number[][] = [];
      const leave = store.onEvents((events) => heard.push(events.map(({ seq }) => seq)));
      store.onEvents(() => {
        throw new Error('a bad listener');
      });
      const late: number[] = [];
      store.onEvents((events) => late.push(events.length));
      await Promise.all([
        store.commit({ changes: [], events: [event('a'), event('b')] }),
        store.commit({ changes: [{ put: 'lock', value: lock() }], events: [] }),
        store.commit({ changes: [], events: [event('c')] }),
      ]);
      leave();
      leave();
      await store.commit({ changes: [], events: [event('d')] });
      assert.deepEqual(heard, [[1, 2], [3]]);
      assert.deepEqual(late, [2, 1, 1]);
      assert.ok(said.includes('a listener of the audit log failed'));
    });

    test('a listener that asks the store finds what it hears of', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const held = lock();
      const found = new Promise((resolve) => {
        store.onEvents(() => resolve(store.get('lock', held.id)));
      });
      await store.commit({ changes: [{ put: 'lock', value: held }], events: [event('locked')] });
      assert.deepEqual(await found, { value: held, rev: 1 });
    });

    test('the chain verifies after commits, conflicts and strange texts', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const alice = identity('alice');
      await Promise.allSettled(
        Array.from({ length: 20 }, (_, n) =>
          store.commit({
            changes: [{ put: 'identity', value: alice, rev: n % 3 }],
            events: [event(String(n))],
          }),
        ),
      );
      const inert = { nul: '\0', esc: '\u001b[2J', bidi: '\u202e' };
      const strange = { ...inert, 'k\ud800': 'v\udfff', nan: Number.NaN };
      const [kept] = await store.commit({
        changes: [],
        events: [event('strange', { code: 'c\ud800', body: strange })],
      });
      assert.deepEqual(kept?.body, { ...inert, 'k\ufffd': 'v\ufffd', nan: 'NaN' });
      const large = event('large', { body: { text: '\u0001é"'.repeat(limits.eventBodyMaxBytes) } });
      const [cut] = await store.commit({ changes: [], events: [large] });
      assert.equal(cut?.body['truncated'], true);
      const step = await verifyLog(store);
      assert.ok(step.ok, JSON.stringify(step));
      assert.equal(step.state.size, (await store.head()).size);
      assert.ok(
        (await store.leaves(1, 100)).every(({ body }) => (body ?? '').length <= limits.eventBodyMaxBytes),
      );
    });

    test('an empty store has an empty log that verifies', async () => {
      await using opened = await body.open();
      const step = await verifyLog(opened.store);
      assert.ok(step.ok);
      assert.equal(step.state.size, 0);
    });
  });
}
