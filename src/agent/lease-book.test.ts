import { test } from 'node:test';
import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import type { Lease } from '../wire/link-statements.ts';
import { LeaseBook } from './lease-book.ts';

const life = limits.leaseLifeMs;

function lease(seq: number, sessions: readonly string[], issuedAt = 0): Lease {
  const validUntil = issuedAt + life;
  return { device: 'dev_a', linkNonce: 'n', seq, lockVersion: 1, sessions, issuedAt, validUntil };
}

function claim(leaseSeq: number, issuedAt = 0): { leaseSeq: number; issuedAt: number } {
  return { leaseSeq, issuedAt };
}

test('a session that the newest lease does not list is cut', () => {
  const book = new LeaseBook();
  book.accept(lease(1, []));
  book.enter('ses_a', claim(1));
  book.enter('ses_b', claim(1));
  assert.deepEqual(book.accept(lease(2, ['ses_b'])), { accepted: true, cut: ['ses_a'] });
});

test('a session whose pass names the lease in hand, or a later one, was issued afterwards and lives', () => {
  const book = new LeaseBook();
  book.accept(lease(1, []));
  book.enter('ses_a', claim(2));
  book.enter('ses_b', claim(3));
  assert.deepEqual(book.accept(lease(2, [])).cut, []);
  assert.deepEqual(book.accept(lease(3, [])).cut, ['ses_a']);
});

test('a later pass of the same session keeps it alive; an earlier one never takes life away', () => {
  const book = new LeaseBook();
  book.accept(lease(1, []));
  book.enter('ses_a', claim(2));
  book.enter('ses_a', claim(1));
  assert.deepEqual(book.accept(lease(2, [])).cut, []);
});

test('an older or repeated lease is ignored, whatever it lists', () => {
  const book = new LeaseBook();
  book.accept(lease(5, ['ses_a']));
  book.enter('ses_a', claim(1));
  assert.deepEqual(book.accept(lease(4, [], 99_000)), { accepted: false, cut: [] });
  assert.deepEqual(book.accept(lease(5, [], 99_000)), { accepted: false, cut: [] });
  assert.equal(book.validUntil, life);
});

test('a listed session lives through validUntil and not a millisecond longer', () => {
  const book = new LeaseBook();
  book.accept(lease(2, ['ses_a']));
  book.enter('ses_a', claim(1));
  assert.deepEqual(book.expired(life), []);
  assert.deepEqual(book.expired(life + 1), ['ses_a']);
});

test('on a link without a fresh lease, a pass counts for its own session, for the life of a lease', () => {
  const book = new LeaseBook();
  book.accept(lease(1, []));
  const hour = 3_600_000;
  assert.equal(book.holds('ses_a', claim(1, hour), hour + life), true);
  assert.equal(book.holds('ses_a', claim(1, hour), hour + life + 1), false);
  assert.equal(book.holds('ses_b', claim(1, 0), hour), false);
});

test('a withheld lock costs at most the life of a lease, however new the pass says its lease is', () => {
  const book = new LeaseBook();
  book.accept(lease(1, []));
  book.enter('ses_a', claim(Number.MAX_SAFE_INTEGER, 1_000));
  assert.deepEqual(book.expired(1_000 + life), []);
  assert.deepEqual(book.expired(1_000 + life + 1), ['ses_a']);
});

test('nothing is leased before the first lease', () => {
  assert.equal(new LeaseBook().holds('ses_a', claim(9, 0), 0), false);
});

test('I16 a pass from before the lease that dropped its session opens nothing', () => {
  const book = new LeaseBook();
  book.accept(lease(1, []));
  assert.equal(book.holds('ses_a', claim(1), 1), true);
  book.accept(lease(2, []));
  assert.equal(book.holds('ses_a', claim(1), 1), false);
});

test('a session that left is not named again', () => {
  const book = new LeaseBook();
  book.accept(lease(1, []));
  book.enter('ses_a', claim(1));
  book.leave('ses_a');
  assert.deepEqual(book.accept(lease(2, [])).cut, []);
});
