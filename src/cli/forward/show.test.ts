import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusLine } from './show.ts';

test('the status line counts connections, bytes and what is left of the session', () => {
  const counts = { live: 3, waiting: 0, total: 42, bytes: 12_345_678 };
  assert.equal(statusLine(counts, 28_799_000), '3 live, 42 in all · 12.3 MB · 7h 59m left');
  assert.equal(
    statusLine({ live: 900, waiting: 7, total: 1_000, bytes: 0 }, -5),
    '900 live, 7 waiting, 1007 in all · 0 B · 0 ms left',
  );
});
