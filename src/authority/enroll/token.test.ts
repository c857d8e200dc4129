import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../platform/seeded-random.ts';
import { sha256 } from '../../wire/signed.ts';
import { newToken, tokenHash } from './token.ts';

const rootFingerprint = sha256('root');

test('a token says what it is for and where it is good, and is known by the hash of all of it', () => {
  const token = newToken(seededRandom('t'), { kind: 'device', rootFingerprint });
  assert.match(token, /^sp2\.d\.[A-Za-z0-9_-]{43}\./);
  assert.ok(token.endsWith(`.${rootFingerprint}`));
  assert.equal(tokenHash(token), sha256(token));
  assert.match(newToken(seededRandom('t'), { kind: 'human', rootFingerprint }), /^sp2\.h\./);
});

test('what is not exactly a token has no hash', () => {
  const token = newToken(seededRandom('t'), { kind: 'device', rootFingerprint });
  for (const text of [
    '',
    ` ${token}`,
    `${token}\n`,
    token.replace('sp2', 'sp1'),
    token.replace('.d.', '.x.'),
    token.slice(1),
  ]) {
    assert.equal(tokenHash(text), undefined);
  }
});
