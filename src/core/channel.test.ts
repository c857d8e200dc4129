import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseParams, paramsToJson } from './channel.ts';
import { canonicalJson } from './json.ts';
import { limits } from './limits.ts';

const pty = { term: 'xterm-256color', cols: 80, rows: 24 };

function faultOf(value: unknown): string {
  const params = parseParams(value);
  return typeof params === 'string' ? params : '';
}

test('exec and shell parameters are read whole', () => {
  assert.deepEqual(parseParams({ kind: 'exec', argv: ['ls', '-l'], env: { LANG: 'C' }, user: 'svc' }), {
    kind: 'exec',
    argv: ['ls', '-l'],
    env: { LANG: 'C' },
    user: 'svc',
  });
  assert.deepEqual(parseParams({ kind: 'shell', pty }), { kind: 'shell', pty, env: {} });
});

test('what was parsed is what is hashed: parsing the canonical text gives the same text', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1, maxLength: 8 }),
      (argv) => {
        const params = parseParams({ kind: 'exec', argv, env: { TZ: 'UTC' } });
        if (typeof params === 'string') return;
        const text = canonicalJson(paramsToJson(params));
        const again = parseParams(JSON.parse(text));
        assert.ok(typeof again !== 'string');
        assert.equal(canonicalJson(paramsToJson(again)), text);
      },
    ),
  );
});

test('S6 an environment variable that is not on the list is refused by name', () => {
  for (const name of ['LD_PRELOAD', 'PATH', 'BASH_ENV', 'NODE_OPTIONS', 'lang']) {
    assert.match(faultOf({ kind: 'exec', argv: ['true'], env: { [name]: 'x' } }), new RegExp(name));
  }
  assert.match(faultOf({ kind: 'exec', argv: ['true'], env: { LANG: 'a\nb' } }), /LANG/);
});

test('L19 an unknown channel kind or parameter is refused', () => {
  for (const kind of ['socks', 'x11', 'agent', 'tcp', undefined]) {
    assert.equal(typeof parseParams({ kind, argv: ['true'] }), 'string');
  }
  assert.match(faultOf({ kind: 'exec', argv: ['true'], cwd: '/' }), /unknown parameter "cwd"/);
  assert.match(faultOf({ kind: 'shell', pty, argv: ['sh'] }), /unknown parameter "argv"/);
});

test('commands, users and terminals of a wrong form are refused', () => {
  const bad: readonly unknown[] = [
    null,
    [],
    'exec',
    { kind: 'exec' },
    { kind: 'exec', argv: [] },
    { kind: 'exec', argv: [''] },
    { kind: 'exec', argv: ['a\0b'] },
    { kind: 'exec', argv: ['\ud800'] },
    { kind: 'exec', argv: ['a', 1] },
    { kind: 'exec', argv: Array.from({ length: limits.argvMaxCount + 1 }, () => 'x') },
    { kind: 'exec', argv: ['a'], user: 'root; id' },
    { kind: 'exec', argv: ['a'], user: '-u' },
    { kind: 'shell' },
    { kind: 'shell', pty: { ...pty, cols: 0 } },
    { kind: 'shell', pty: { ...pty, rows: 1.5 } },
    { kind: 'shell', pty: { ...pty, term: 'x;y' } },
  ];
  for (const value of bad) assert.equal(typeof parseParams(value), 'string', JSON.stringify(value));
});
