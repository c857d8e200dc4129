import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  newSealKeys,
  parseRecipient,
  parseSealKey,
  recipientOf,
  seal,
  SealFault,
  unseal,
} from './sealed-stream.ts';

const keys = newSealKeys();
const recipient = parseRecipient(keys.recipient) ?? assert.fail();
const key = parseSealKey(keys.privatePem) ?? assert.fail();
const header = 48;
const segment = 64 * 1024 + 16;

async function* chunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function all(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

async function fault(bytes: Buffer, by = key): Promise<string> {
  try {
    await all(unseal(chunks(bytes, 10_000), by));
  } catch (error) {
    assert.ok(error instanceof SealFault, String(error));
    return error.why;
  }
  assert.fail('it was opened');
}

test('what was sealed comes back, whatever its size and however it arrives', async () => {
  for (const size of [0, 1, 65_535, 65_536, 65_537, 200_000]) {
    const plain = randomBytes(size);
    const sealed = await all(seal(chunks(plain, 7_001), recipient));
    assert.ok((await all(unseal(chunks(sealed, 9_973), key))).equals(plain), String(size));
  }
});

test('cut off at every boundary and beside it, it does not open', async () => {
  const sealed = await all(seal(chunks(randomBytes(200_000), 50_000), recipient));
  for (let at = header; at < sealed.length; at += segment) {
    for (const size of [at - 1, at, at + 1]) {
      assert.match(
        await fault(sealed.subarray(0, size)),
        /truncated|wrong_key_or_changed|not_sealed/,
        String(size),
      );
    }
  }
  assert.equal(await fault(Buffer.concat([sealed, Buffer.from([0])])), 'wrong_key_or_changed');
});

test('a bit anywhere, a segment in another place, another key: it does not open', async () => {
  const sealed = await all(seal(chunks(randomBytes(200_000), 50_000), recipient));
  for (const at of [20, header, header + 5, header + segment + 3, sealed.length - 1]) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.equal(await fault(changed), 'wrong_key_or_changed', String(at));
  }
  const [one, two] = [
    sealed.subarray(header, header + segment),
    sealed.subarray(header + segment, header + 2 * segment),
  ];
  const moved = Buffer.concat([sealed.subarray(0, header), two, one, sealed.subarray(header + 2 * segment)]);
  assert.equal(await fault(moved), 'wrong_key_or_changed');
  const other = parseSealKey(newSealKeys().privatePem) ?? assert.fail();
  assert.equal(await fault(sealed, other), 'wrong_key_or_changed');
});

test('what is no sealed stream, and what another version made, says so', async () => {
  assert.equal(await fault(Buffer.from('SQLite format 3')), 'not_sealed');
  assert.equal(await fault(Buffer.alloc(100)), 'not_sealed');
  const sealed = await all(seal(chunks(Buffer.from('x'), 1), recipient));
  sealed.write('2', 14);
  assert.equal(await fault(sealed), 'other_version');
});

test('a header with a point of low order gives no key (RFC 7748 section 6.1)', async () => {
  const sealed = await all(seal(chunks(Buffer.from('x'), 1), recipient));
  sealed.fill(0, header - 32, header);
  assert.equal(await fault(sealed), 'wrong_key_or_changed');
});

test('keys read back, and nothing else is taken for one', () => {
  assert.equal(recipientOf(key), keys.recipient);
  for (const text of ['', 'spb1.', 'spb2.AAAA', `${keys.recipient}A`, keys.recipient.slice(0, -1)]) {
    assert.equal(parseRecipient(text), undefined, text);
  }
  assert.equal(parseSealKey('-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----'), undefined);
});
