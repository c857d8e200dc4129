import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { limits } from '../../core/limits.ts';
import { below, linkTarget, parsePath, pathBytes } from './device-path.ts';
import { FilesFault } from './fault.ts';

const home = ['home', 'ana'];

function parse(text: string): string {
  return pathBytes(parsePath(Buffer.from(text), home)).toString();
}

test('a path has one normal form, from the root or from the home', () => {
  for (const [text, normal] of [
    ['/', '/'],
    ['//opt///fw/', '/opt/fw'],
    ['/opt/./fw/.', '/opt/fw'],
    ['', '/home/ana'],
    ['.', '/home/ana'],
    ['~', '/home/ana'],
    ['~/fw', '/home/ana/fw'],
    ['fw', '/home/ana/fw'],
    ['/~/fw', '/~/fw'],
    ['~bob', '/home/ana/~bob'],
    ['/...', '/...'],
  ] as const) {
    assert.equal(parse(text), normal, text);
  }
});

test('S5 "..", NUL and a path over its length are refused', () => {
  for (const text of [
    '..',
    '/..',
    '/a/../b',
    '~/..',
    'a/..',
    '/a\0',
    '\0',
    `/${'a'.repeat(limits.filesPathMaxBytes)}`,
  ]) {
    assert.throws(() => parse(text), FilesFault, JSON.stringify(text));
  }
});

test('whatever the bytes, the normal form is its own normal form, or the path is refused', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0x2f, 0x2e, 0x7e, 0x61, 0xff, 0x0a, 0)), (bytes) => {
      try {
        const names = parsePath(Buffer.from(bytes), home);
        assert.deepEqual(parsePath(pathBytes(names), []), names);
      } catch (error) {
        assert.ok(error instanceof FilesFault);
      }
    }),
  );
});

test('a link leads from the directory it stands in, and never above the root directory', () => {
  const from = (target: string): string => pathBytes(linkTarget(['a', 'b'], Buffer.from(target))).toString();
  assert.equal(from('c'), '/a/b/c');
  assert.equal(from('../c/./d//'), '/a/c/d');
  assert.equal(from('/c/../d'), '/d');
  assert.equal(from('../../../../c'), '/c');
  assert.equal(from(''), '/a/b');
});

test('what only begins like a root does not lie below it', () => {
  assert.deepEqual(below(['opt', 'fw', 'x'], ['opt', 'fw']), ['x']);
  assert.deepEqual(below(['opt', 'fw'], ['opt', 'fw']), []);
  assert.deepEqual(below(['opt'], []), ['opt']);
  assert.equal(below(['opt', 'fw2'], ['opt', 'fw']), undefined);
  assert.equal(below(['opt'], ['opt', 'fw']), undefined);
});
