import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { limits } from '../core/limits.ts';
import {
  decodeExit,
  decodeResize,
  encodeControl,
  encodeExit,
  encodeFrames,
  encodeResize,
  FrameDecoder,
  FrameError,
  frameHeader,
  frameType,
  type FrameType,
} from './frames.ts';

const fromDevice = [frameType.stdout, frameType.stderr, frameType.exit];
const all = Object.values(frameType);

interface Got {
  readonly type: FrameType;
  readonly text: string;
}

/** What comes out, with slices of one data frame after another joined. */
function decode(accepts: readonly FrameType[], chunks: readonly Uint8Array[]): readonly Got[] {
  const got: { type: FrameType; text: string }[] = [];
  const decoder = new FrameDecoder(accepts, (type, payload) => {
    const text = Buffer.from(payload).toString('latin1');
    const last = got.at(-1);
    if (last?.type === type && (type === frameType.stdout || type === frameType.stderr)) last.text += text;
    else got.push({ type, text });
  });
  for (const chunk of chunks) decoder.push(chunk);
  return got;
}

function pieces(bytes: Uint8Array, sizes: readonly number[]): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) break;
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  parts.push(bytes.subarray(at));
  return parts;
}

test('however the bytes are cut, the same frames come out', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.constantFrom(frameType.stdout, frameType.stderr),
          fc.uint8Array({ minLength: 1, maxLength: 300 }),
        ),
        { maxLength: 8 },
      ),
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }),
      (frames, sizes) => {
        const bytes = Buffer.concat([
          ...frames.flatMap(([type, payload]) => [...encodeFrames(type, payload)]),
          encodeExit({ code: 7 }),
        ]);
        assert.deepEqual(decode(fromDevice, pieces(bytes, sizes)), decode(fromDevice, [bytes]));
        const stdout = Buffer.concat(
          frames.filter(([type]) => type === frameType.stdout).map(([, payload]) => payload),
        ).toString('latin1');
        const got = decode(fromDevice, pieces(bytes, sizes));
        assert.equal(
          got
            .filter(({ type }) => type === frameType.stdout)
            .map(({ text }) => text)
            .join(''),
          stdout,
        );
        assert.deepEqual(decodeExit(Buffer.from(got.at(-1)?.text ?? '', 'latin1')), { code: 7 });
      },
    ),
  );
});

test('a payload over one frame is sent in several, and none is copied', () => {
  const payload = new Uint8Array(limits.frameMaxBytes + 1);
  const parts = [...encodeFrames(frameType.stdout, payload)];
  assert.deepEqual(
    parts.map((part) => part.length),
    [4, limits.frameMaxBytes, 4, 1],
  );
  assert.equal(parts[1]?.buffer, payload.buffer);
});

test('a frame that this direction does not know is refused', () => {
  for (const type of [0, 5, 0x10, 0x14, 255]) {
    assert.throws(() => decode(all, [Uint8Array.of(type, 0, 0, 0)]), FrameError);
  }
  assert.throws(() => decode(fromDevice, [encodeControl(frameType.stdinEnd)]), FrameError);
});

test('a frame over its bound is refused by its header alone', () => {
  assert.throws(() => decode(all, [Uint8Array.of(frameType.stdout, 0x01, 0x00, 0x01)]), FrameError);
  assert.throws(() => decode(all, [Uint8Array.of(frameType.exit, 0, 0x01, 0x01)]), FrameError);
  assert.throws(() => frameHeader(frameType.stdout, limits.frameMaxBytes + 1), RangeError);
});

test('whatever the bytes, the decoder gives frames or FrameError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      try {
        decode(all, [bytes]);
      } catch (error) {
        assert.ok(error instanceof FrameError);
      }
    }),
  );
});

test('resize and exit read back, and reject what they are not', () => {
  const resize = encodeResize(132, 43).subarray(4);
  assert.deepEqual(decodeResize(resize), { cols: 132, rows: 43 });
  assert.equal(decodeResize(Uint8Array.of(0, 0, 0, 1)), undefined);
  assert.equal(decodeResize(resize.subarray(1)), undefined);
  assert.deepEqual(decodeExit(encodeExit({ signal: 'TERM' }).subarray(4)), { signal: 'TERM' });
  for (const text of ['', '{}', '{"code":256}', '{"code":-1}', '{"signal":"sig\\n"}', '[]', 'null']) {
    assert.equal(decodeExit(Buffer.from(text)), undefined, text);
  }
});

test('an empty data frame moves nothing and does not stall the decoder', () => {
  const bytes = Buffer.concat([
    frameHeader(frameType.stdout, 0),
    ...encodeFrames(frameType.stdout, Buffer.from('x')),
  ]);
  assert.deepEqual(decode(fromDevice, [bytes]), [{ type: frameType.stdout, text: 'x' }]);
});
