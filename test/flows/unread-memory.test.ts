// As many unread connections as a link may carry, in a network of their own: the kernel's buffers for each
// are small there, so that what is not read stays in front of the agent, as it does on a real network, and
// this machine's other connections keep their share of its memory.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { freemem } from 'node:os';
import { getDefaultHighWaterMark } from 'node:stream';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { limits } from '../../src/core/limits.ts';
import { runCommand } from '../system/program.ts';
import type { Memory, UnreadReport } from '../doubles/unread.ts';

const count = limits.channelsPerLinkMax;
const kib = 1024;
const mib = 1024 * kib;
/** Of a piece that is read from a socket or a stream. */
const pieceBytes = 64 * kib;
/** Streams, sockets, sessions and their closures, of one channel in one process. */
const objectBytes = 64 * kib;
/** Heaps that are not collected yet. */
const slackBytes = 256 * mib;
const neededBytes = 8 * 1024 * mib;
/** Several times what it takes. */
const runMaxMs = 240_000;

const inOwnNetwork = [
  'unshare',
  '--net',
  'sh',
  '-c',
  `ip link set lo mtu 9000 up &&
   sysctl -q -w net.ipv4.tcp_rmem='4096 16384 32768' net.ipv4.tcp_wmem='4096 8192 32768' &&
   exec "$@"`,
  'sh',
] as const;

async function whyNot(): Promise<string | false> {
  if (freemem() < neededBytes) return `it takes ${neededBytes / mib} MiB of free memory`;
  const files = await runCommand(['sh', '-c', 'ulimit -Hn']);
  if (Number(files.stdout) < count + 1_000)
    return `a process may have ${files.stdout.trim()} open files here`;
  const ran = await runCommand([...inOwnNetwork, 'true']);
  return ran.code === 0 ? false : `no network of its own can be made here: ${ran.stderr.trim()}`;
}

/**
 * What the gate may have received ahead on all streams together: each has what its window was when it came.
 * The window is halved whenever it would be more than the total for all; each size let in half a total more.
 */
function receivedAheadMax(): number {
  const sizes = Math.log2(limits.streamWindowMaxBytes / limits.streamWindowMinBytes);
  return limits.streamWindowsTotalBytes * (1 + sizes / 2) + count * limits.streamWindowMinBytes;
}

/** In front of a stream that takes no more: its own buffer, and the piece that overfilled it. */
const unsentMax = count * (getDefaultHighWaterMark(false) + pieceBytes);

void test(
  `L12 ${count} connections that nobody reads hold a bounded part in gate and agent, and somebody else's goes on`,
  { skip: await whyNot(), timeout: 2 * runMaxMs },
  async (t) => {
    const script = fileURLToPath(new URL('../doubles/unread.ts', import.meta.url));
    const program = [process.execPath, '--no-maglev', script, String(count)];
    const [file, ...words] = [...inOwnNetwork, ...program];
    // With it end the processes that it started, of themselves.
    const bound = { timeout: runMaxMs, killSignal: 'SIGKILL' } as const;
    const { stdout } = await promisify(execFile)(file, words, bound);
    const { opened, refusal, gate, agent, echoed, sent } = JSON.parse(stdout) as UnreadReport;
    assert.equal(opened, count);
    assert.match(refusal, /already carries \d+ channels/);
    assert.deepEqual(echoed, [sent, sent]);
    const assertBounded = (name: string, [before, full]: Memory, most: number): void => {
      const grown = full - before;
      const said = `the ${name} holds ${Math.round(grown / mib)} MiB of at most ${Math.round(most / mib)}`;
      t.diagnostic(said);
      assert.ok(grown < most, said);
    };
    const objects = count * objectBytes + slackBytes;
    assertBounded('gate', gate, receivedAheadMax() + unsentMax + objects);
    assertBounded('agent', agent, unsentMax + objects);
  },
);
