import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { limits } from '../../core/limits.ts';
import { readProxyLine } from './proxy-line.ts';

const read = (text: string) => readProxyLine(Buffer.from(text, 'latin1'));

test('the source is read, and the length covers the line with its end', () => {
  const line = 'PROXY TCP4 192.0.2.7 198.51.100.1 51000 7443\r\n';
  assert.deepEqual(read(`${line}\u0016\u0003\u0001`), { source: '192.0.2.7', length: line.length });
  assert.deepEqual(read('PROXY TCP6 2001:db8::1 ::1 1 2\r\n'), { source: '2001:db8::1', length: 32 });
});

test('a line that comes byte by byte is waited for, up to its longest form', () => {
  const line = 'PROXY TCP4 192.0.2.7 198.51.100.1 51000 7443\r\n';
  for (let cut = 0; cut < line.length; cut += 1) assert.deepEqual(read(line.slice(0, cut)), { need: 'more' });
  assert.equal(read(`PROXY ${'1'.repeat(limits.proxyLineMaxBytes)}`), 'fault');
});

test('L17 anything else is a fault at its first wrong byte', () => {
  for (const text of [
    '\u0016\u0003\u0001',
    'GET / HTTP/1.1\r\n',
    'proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n',
    'PROXY UNKNOWN\r\n',
    'PROXY TCP4 ::1 ::1 1 2\r\n',
    'PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n',
    'PROXY TCP4 010.0.0.1 1.2.3.4 1 2\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n',
    'PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n',
  ]) {
    assert.equal(read(text), 'fault', text);
  }
});

test('whatever the bytes, the answer is a value', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const line = readProxyLine(bytes);
      assert.ok(line === 'fault' || 'need' in line || line.length <= limits.proxyLineMaxBytes);
    }),
  );
});
