import { test } from 'node:test';
import assert from 'node:assert/strict';
import type { Lease } from '../wire/link-statements.ts';
import { LeaseBook } from './lease-book.ts';

function lease(seq: number, sessions: readonly string[], validUntil = 1_000): Lease {
  return { device: 'dev_a', linkNonce: 'n', seq, lockVersion: 1, sessions, issuedAt: 0, validUntil };
}

test('a session that the newest lease does not list is cut', () => {
  const book = new LeaseBook();
  book.accept(lease(1, []));
  book.enter('ses_a', 1);
  book.enter('ses_b', 1);
  assert.deepEqual(book.accept(lease(2, ['ses_b'])), { accepted: true, cut: ['ses_a'] });
});

test('a session whose pass names the lease in hand, or a later one, was issued afterwards and lives', () => {
  const book = new LeaseBook();
  book.accept(lease(1, []));
  book.enter('ses_a', 2);
  book.enter('ses_b', 3);
  assert.deepEqual(book.accept(lease(2, [])).cut, []);
  assert.deepEqual(book.accept(lease(3, [])).cut, ['ses_a']);
});

test('a later pass of the same session keeps it alive; an earlier one never takes life away', () => {
  const book = new LeaseBook();
  book.accept(lease(1, []));
  book.enter('ses_a', 2);
  book.enter('ses_a', 1);
  assert.deepEqual(book.accept(lease(2, [])).cut, []);
});

test('an older or repeated lease is ignored, whatever it lists', () => {
  const book = new LeaseBook();
  book.accept(lease(5, ['ses_a'], 9_000));
  book.enter('ses_a', 1);
  assert.deepEqual(book.accept(lease(4, [], 99_000)), { accepted: false, cut: [] });
  assert.deepEqual(book.accept(lease(5, [], 99_000)), { accepted: false, cut: [] });
  assert.equal(book.validUntil, 9_000);
});

test('a lease holds through validUntil and not a millisecond longer', () => {
  const book = new LeaseBook();
  assert.equal(book.isFresh(0), false);
  book.accept(lease(1, [], 1_000));
  assert.equal(book.isFresh(1_000), true);
  assert.equal(book.isFresh(1_001), false);
});

test('I16 a pass from before the lease that dropped its session opens nothing', () => {
  const book = new LeaseBook();
  book.accept(lease(1, []));
  assert.equal(book.allows('ses_a', 1), true);
  book.accept(lease(2, []));
  assert.equal(book.allows('ses_a', 1), false);
});

test('a session that left is not named again', () => {
  const book = new LeaseBook();
  book.accept(lease(1, []));
  book.enter('ses_a', 1);
  book.leave('ses_a');
  assert.deepEqual(book.accept(lease(2, [])).cut, []);
});
