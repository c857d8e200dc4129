// Nothing of a terminal on site is shown that is not written down (design rule 5).

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { limits } from '../../core/limits.ts';
import type { ByteListener, ByteStream } from '../../link/byte-stream.ts';
import { systemClock } from '../../platform/clock.ts';
import { encodeExit, encodeResize, frameHeader, frameType } from '../../wire/frames.ts';
import { RecordedStream } from './recorded-stream.ts';
import { digestOf, Recording } from './recording.ts';

class Peer implements ByteStream {
  readonly seen: Uint8Array[] = [];
  listener: ByteListener | undefined;
  aborted: Error | undefined;
  isEnded = false;
  isClosed = false;

  listen(listener: ByteListener): () => void {
    this.listener = listener;
    return () => undefined;
  }
  pause(): void {}
  resume(): void {}
  write(chunk: Uint8Array): boolean {
    this.seen.push(chunk);
    return true;
  }
  endClean(): void {
    this.isEnded = true;
  }
  abort(error: Error): void {
    this.aborted = error;
  }
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sp-cast-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function record(): Promise<Recording> {
  const path = join(folder, 'one.cast');
  return await Recording.begin({ path, clock: systemClock, title: 'ana', cols: 80, rows: 24 });
}

function shown(text: string): Uint8Array {
  const payload = Buffer.from(text);
  return Buffer.concat([frameHeader(frameType.stdout, payload.length), payload]);
}

test('what is shown is in the recording first, with sizes and an end, and its hash is that of the file', async () => {
  const peer = new Peer();
  const recording = await record();
  const stream = new RecordedStream(peer, recording);
  stream.listen({ onData: () => undefined, onEnd: () => undefined });
  stream.write(shown('one €'));
  assert.deepEqual(peer.seen, [], 'not before it is written');
  peer.listener?.onData(encodeResize(120, 40));
  stream.write(encodeExit({ code: 0 }));
  stream.endClean();
  await stream.settled();
  assert.equal(peer.seen.length, 2);
  assert.deepEqual([peer.isEnded, stream.hasExited, stream.hasFailed], [true, true, false]);
  const digest = await recording.close();
  const lines = (await readFile(join(folder, 'one.cast'), 'utf8')).trim().split('\n');
  const events = lines.slice(1).map((line) => (JSON.parse(line) as unknown[]).slice(1));
  assert.deepEqual(events, [
    ['o', 'one €'],
    ['r', '120x40'],
  ]);
  assert.deepEqual(await digestOf(join(folder, 'one.cast')), digest);
});

test('a recording that cannot be written ends the channel, and not one byte more goes by', async () => {
  const peer = new Peer();
  const recording = await record();
  const stream = new RecordedStream(peer, recording);
  stream.write(shown('one'));
  await stream.settled();
  await recording.close();
  stream.write(shown('two'));
  stream.write(encodeExit({ code: 0 }));
  stream.endClean();
  await stream.settled();
  assert.equal(peer.seen.length, 1);
  assert.ok(peer.aborted !== undefined);
  assert.deepEqual([peer.isEnded, stream.hasFailed], [false, true]);
});

test('a terminal that is gone before the shell has ended was cut, whatever the socket says', async () => {
  const peer = new Peer();
  const recording = await record();
  const ends: string[] = [];
  const listen = (stream: RecordedStream): void =>
    void stream.listen({ onData: () => undefined, onEnd: ({ how }) => void ends.push(how) });
  const gone = new RecordedStream(peer, recording);
  listen(gone);
  peer.listener?.onEnd({ how: 'clean', trailers: {} });
  const left = new RecordedStream(peer, recording);
  listen(left);
  left.write(encodeExit({ code: 0 }));
  peer.listener?.onEnd({ how: 'clean', trailers: {} });
  assert.deepEqual(ends, ['cut', 'clean']);
  await left.settled();
  await recording.close();
});

test('a shell that shows faster than the disk takes it is told to wait, and to go on', async () => {
  const peer = new Peer();
  const recording = await record();
  const stream = new RecordedStream(peer, recording);
  let drained = 0;
  stream.listen({ onData: () => undefined, onEnd: () => undefined, onDrain: () => void (drained += 1) });
  const chunk = shown('x'.repeat(limits.frameMaxBytes));
  let written = 0;
  while (stream.write(chunk)) written += 1;
  assert.ok(written * chunk.length <= limits.onSiteHeldBytes);
  await stream.settled();
  assert.equal(drained, 1);
  await recording.close();
});

test('a recording that is full is one that cannot be written', async () => {
  const recording = await record();
  const chunk = Buffer.alloc(4 * 1024 * 1024, 'x');
  await assert.rejects(async () => {
    for (let n = 0; n <= limits.onSiteRecordingMaxBytes / chunk.length; n += 1) await recording.shown(chunk);
  }, /full/);
  const { bytes } = await recording.close();
  assert.ok(bytes <= limits.onSiteRecordingMaxBytes);
});
