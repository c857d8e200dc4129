import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SallyportError } from '../../core/errors.ts';
import { readTask, rootsOf } from './copy-task.ts';
import { readDestination, readSource } from './place.ts';

test('a colon before the first slash makes a place one on a device', () => {
  assert.deepEqual(readSource('pump-7:/opt/fw'), {
    side: 'remote',
    target: 'pump-7',
    path: '/opt/fw',
    pattern: [],
    isFolder: false,
  });
  for (const typed of ['./pump-7:x', '/tmp/a:b', 'file']) {
    assert.deepEqual(readSource(typed), { side: 'local', path: typed, isFolder: false });
  }
});

test('a path without a slash lies below the home', () => {
  const path = (typed: string): unknown => {
    const place = readSource(typed);
    return place.side === 'remote' ? [place.path, place.isFolder] : place;
  };
  assert.deepEqual(path('pump-7:notes.txt'), ['~/notes.txt', false]);
  assert.deepEqual(path('pump-7:'), ['~', true]);
  assert.deepEqual(path('pump-7:~'), ['~', true]);
  assert.deepEqual(path('pump-7:.'), ['~', true]);
  assert.deepEqual(path('pump-7:~/a//b/'), ['~/a/b', true]);
  assert.deepEqual(path('pump-7:/'), ['/', true]);
  assert.deepEqual(path('pump-7:/a/./b'), ['/a/b', false]);
});

test('of a pattern the fixed part is what policy is asked about', () => {
  const place = readSource('pump-7:/var/log/*/[ab].log');
  assert.ok(place.side === 'remote');
  assert.deepEqual([place.path, place.pattern], ['/var/log', ['*', '[ab].log']]);
  const atHome = readSource('pump-7:*.txt');
  assert.ok(atHome.side === 'remote');
  assert.deepEqual([atHome.path, atHome.pattern], ['~', ['*.txt']]);
  const atRoot = readSource('pump-7:/*');
  assert.ok(atRoot.side === 'remote');
  assert.deepEqual([atRoot.path, atRoot.pattern], ['/', ['*']]);
});

test('at a destination every character means itself', () => {
  const place = readDestination('pump-7:/opt/[x]*');
  assert.ok(place.side === 'remote');
  assert.deepEqual([place.path, place.pattern], ['/opt/[x]*', []]);
});

test('S5 a path with "..", a foreign home or NUL is refused before anything is asked', () => {
  for (const typed of [
    'pump-7:/opt/../etc/shadow',
    'pump-7:../x',
    'pump-7:/opt/*/../x',
    'pump-7:~root/x',
    'pump-7:/a\0b',
    'PUMP:/x',
    ':/x',
    'a\0b',
  ]) {
    assert.throws(
      () => readSource(typed),
      (error) => error instanceof SallyportError && error.code === 'invalid',
      typed,
    );
  }
});

test('a copy has a device on one side, and one device', () => {
  assert.equal(readTask(['a', 'b'], 'pump-7:/x/').task.way, 'up');
  assert.equal(readTask(['pump-7:/a'], '.').task.way, 'down');
  for (const [sources, destination] of [
    [['a'], 'b'],
    [['pump-7:/a'], 'pump-8:/b'],
    [['pump-7:/a', 'b'], 'c'],
    [['pump-7:/a', 'pump-8:/b'], 'c'],
  ] as const) {
    assert.throws(() => readTask(sources, destination), SallyportError);
  }
});

test('the same path is decided once, and too many are refused in words', () => {
  assert.deepEqual(rootsOf(readTask(['pump-7:/a/*.log', 'pump-7:/a/*.txt', 'pump-7:/b'], '.').task), [
    '/a',
    '/b',
  ]);
  const many = Array.from({ length: 33 }, (_, at) => `pump-7:/file-${at}`);
  assert.throws(() => rootsOf(readTask(many, '.').task), /33 paths/);
});
