import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { frameType } from '../../src/wire/frames.ts';
import { acceptChannel, grantSessions, type DeviceEnd } from './channel-double.ts';
import { startFakeBroker } from './fake-broker.ts';
import { signedIn, startCli } from './run-cli.ts';

const chunk = Buffer.alloc(64 * 1024, 'x');
const totalBytes = 256 * 1024 * 1024;
let sent = 0;
let onStall: () => void = () => undefined;

/** Sends until the stream is full, and goes on when it has room, as an agent does. */
function pour(device: DeviceEnd): void {
  while (sent < totalBytes) {
    sent += chunk.length;
    if (!device.send(frameType.stdout, chunk)) return onStall();
  }
  device.exit({ code: 0 });
}

const broker = await startFakeBroker({
  onChannel(request) {
    sent = 0;
    const stream = request.accept.bind(request);
    const device = acceptChannel(
      Object.assign(Object.create(request) as typeof request, {
        accept: () => {
          const bytes = stream();
          const listen = bytes.listen.bind(bytes);
          bytes.listen = (listener) => listen({ ...listener, onDrain: () => pour(device) });
          return bytes;
        },
      }),
      () => undefined,
    );
    setImmediate(() => pour(device));
  },
});
const home = await signedIn(broker);
grantSessions(broker);
after(async () => {
  home.remove();
  await broker.close();
});

/** 0 for a process that has ended, and whose pipe still holds something. */
function residentMib(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

test(
  'a reader that stalls stops the device, memory stays flat, and every byte arrives',
  { skip: process.platform === 'linux' ? false : 'memory is read from /proc' },
  async () => {
    const child = startCli(['exec', 'pump-7', '--', 'cat', '/dev/zero'], { home: home.path });
    // Nobody reads: the sender must come to rest by itself.
    let atRest = -1;
    await new Promise<void>((resolve) => {
      onStall = () => {
        const seen = sent;
        // At rest = nothing was taken while the event loop turned for long enough to fill any window.
        setTimeout(() => {
          if (sent !== seen || atRest !== -1) return;
          atRest = sent;
          resolve();
        }, 500);
      };
    });
    onStall = () => undefined;
    assert.ok(atRest < 16 * 1024 * 1024, `${atRest} bytes were taken while nobody read`);
    const resting = residentMib(child.pid ?? 0);
    let read = 0;
    let highest = 0;
    for await (const part of child.stdout as AsyncIterable<Buffer>) {
      read += part.length;
      if (read % (16 * 1024 * 1024) < part.length) highest = Math.max(highest, residentMib(child.pid ?? 0));
    }
    assert.equal(read, totalBytes);
    assert.ok(highest < resting + 120, `${highest} MiB at most, ${resting} MiB at rest`);
  },
);
