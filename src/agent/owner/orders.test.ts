import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import { parseOrder } from './orders.ts';

const session = newId('ses', new Uint8Array(16));

test('an order is read whole', () => {
  assert.deepEqual(parseOrder('{"do":"status"}'), { do: 'status' });
  assert.deepEqual(parseOrder('{"do":"allow","forMs":1000}'), { do: 'allow', forMs: 1000 });
  assert.deepEqual(parseOrder(`{"do":"allow","forMs":1,"session":"${session}"}`), {
    do: 'allow',
    forMs: 1,
    session,
  });
  assert.deepEqual(parseOrder('{"do":"allow_nobody"}'), { do: 'allow_nobody' });
  assert.deepEqual(parseOrder('{"do":"cut"}'), { do: 'cut' });
  assert.deepEqual(parseOrder(`{"do":"cut","session":"${session}"}`), { do: 'cut', session });
});

test('what is not exactly an order is none', () => {
  for (const line of [
    '',
    '{}',
    '[]',
    'status',
    '{"do":"stop"}',
    '{"do":"status","all":true}',
    '{"do":"status","forMs":1}',
    `{"do":"status","session":"${session}"}`,
    '{"do":"allow"}',
    '{"do":"allow","forMs":0}',
    '{"do":"allow","forMs":1.5}',
    '{"do":"allow","forMs":"30m"}',
    `{"do":"allow","forMs":${limits.consentMaxMs + 1}}`,
    '{"do":"allow","forMs":1,"session":"dev_AAAA"}',
    '{"do":"cut","session":""}',
    '{"do":"cut","session":null}',
    '{"do":"cut","session":"*"}',
  ])
    assert.equal(parseOrder(line), undefined, line);
});

const pty = { term: 'xterm', cols: 80, rows: 24 };
const sealed = { do: 'breakglass', content: '{}', signatures: ['a.b'], pty };

test('offline keys: a request with its terminal, and which keys count, each exactly', () => {
  assert.deepEqual(parseOrder(JSON.stringify(sealed)), sealed);
  const keys = { need: 2, keys: ['a', 'b'].map((name) => ({ name, spki: name.repeat(43) })) };
  for (const which of [keys, { need: 0, keys: [] }, null])
    assert.deepEqual(parseOrder(JSON.stringify({ do: 'pin_breakglass', keys: which })), {
      do: 'pin_breakglass',
      keys: which,
    });
  for (const changes of [
    { signatures: Array.from({ length: limits.breakGlassKeysMax + 1 }, () => 'a.b') },
    { signatures: [1] },
    { signatures: 'a.b' },
    { content: 1 },
    { pty: undefined },
    { pty: { ...pty, cols: 0 } },
    { user: 'root' },
  ])
    assert.equal(parseOrder(JSON.stringify({ ...sealed, ...changes })), undefined, JSON.stringify(changes));
  for (const order of [
    { do: 'pin_breakglass' },
    { do: 'pin_breakglass', keys: { need: 1, keys: keys.keys } },
    { do: 'pin_breakglass', keys, session },
  ])
    assert.equal(parseOrder(JSON.stringify(order)), undefined, JSON.stringify(order));
});
