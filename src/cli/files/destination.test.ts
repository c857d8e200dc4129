import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SallyportError } from '../../core/errors.ts';
import { chooseDestinations, type Destination, type SourceName } from './destination.ts';
import type { FileType } from './side.ts';

function source(name: string, isFolder = false): SourceName {
  return { name: Buffer.from(name), isFolder, shown: name };
}

function to(path: string, type: FileType | undefined, isFolder = false): Destination {
  const plain = path.replace(/\/$/, '');
  return {
    path: Buffer.from(plain),
    name: Buffer.from(plain.slice(plain.lastIndexOf('/') + 1)),
    isFolder,
    type,
    shown: plain,
  };
}

function choose(
  sources: readonly SourceName[],
  destination: Destination,
  isResume = false,
): readonly string[] {
  return chooseDestinations(sources, destination, { isResume }).map(String);
}

test('one file becomes the destination, or goes into it where it is a directory', () => {
  assert.deepEqual(choose([source('a')], to('/x', undefined)), ['/x']);
  assert.deepEqual(choose([source('a')], to('/x', 'file')), ['/x']);
  assert.deepEqual(choose([source('a')], to('/x', 'folder')), ['/x/a']);
});

test('several sources, and a destination with a slash, need a directory', () => {
  assert.deepEqual(choose([source('a'), source('b', true)], to('/x', 'folder')), ['/x/a', '/x/b']);
  assert.deepEqual(choose([source('a', true)], to('/x/', 'folder', true)), ['/x/a']);
  for (const type of [undefined, 'file'] as const) {
    assert.throws(() => choose([source('a'), source('b')], to('/x', type)), SallyportError);
    assert.throws(() => choose([source('a')], to('/x/', type, true)), SallyportError);
  }
});

test('a directory becomes the destination, the first time and every time after', () => {
  assert.deepEqual(choose([source('fw', true)], to('/opt/fw', undefined)), ['/opt/fw']);
  assert.deepEqual(choose([source('fw', true)], to('/opt/fw', 'folder')), ['/opt/fw']);
});

test('a directory is not mixed with one of another name, unless a copy is resumed', () => {
  assert.throws(() => choose([source('fw', true)], to('/opt', 'folder')), /there already/);
  assert.deepEqual(choose([source('fw', true)], to('/opt', 'folder'), true), ['/opt']);
  assert.throws(() => choose([source('fw', true)], to('/opt', 'file'), true), /no directory/);
});

test('two sources never become one file', () => {
  assert.throws(() => choose([source('a'), source('a')], to('/x', 'folder')), /same file/);
  assert.throws(() => choose([source(''), source('b')], to('/x', 'folder')), /no name/);
});
