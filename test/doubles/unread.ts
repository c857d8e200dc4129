// A process of its own for a test: opens very many connections that nobody reads, to targets that send
// without end, through a real gate and a real agent, each in a further process, with an authority double
// beside them. Somebody else, who had a connection to the same device before, goes on using it. Prints the
// memory of gate and agent; or says on stderr what it waited for in vain. argv: how many connections, his
// among them.

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import type { TcpParams } from '../../src/core/channel.ts';
import { limits } from '../../src/core/limits.ts';
import type { ByteStream } from '../../src/link/byte-stream.ts';
import { readProblem } from '../../src/link/client-session.ts';
import { bytesMoved, residentBytes } from '../system/proc.ts';
import { until } from '../system/program.ts';
import { FakeAuthority } from './fake-authority.ts';
import { sessionId } from './gate-peers.ts';
import { startPair, type SigningOperator } from './pair-world.ts';
import { createTestCa } from './test-ca.ts';
import type { GatePorts, TargetPorts } from './unread-part.ts';

/** Resident bytes: before, and while nothing flows any more. */
export type Memory = readonly [number, number];

export interface UnreadReport {
  readonly opened: number;
  /** Why one more was refused. */
  readonly refusal: string;
  readonly gate: Memory;
  readonly agent: Memory;
  /** Of the bytes that somebody else sent, how many he got back: before, and meanwhile. */
  readonly echoed: readonly [number, number];
  readonly sent: number;
}

const atOnce = 50;
const stillMs = 1_500;
/** How long all may go on flowing: a hundred times what it takes. */
const flowMaxMs = 120_000;
const closeMaxMs = 60_000;
const sent = 32 * 2 ** 20;

const total = Number(process.argv[2]);
const after: (() => unknown)[] = [];
const t: Pick<TestContext, 'after'> = { after: (run) => void after.push(run as () => unknown) };

function startPart(file: string, ...args: readonly string[]): ChildProcess {
  const child = fork(new URL(file, import.meta.url), args);
  process.once('exit', () => child.kill('SIGKILL'));
  return child;
}

async function word<T>(part: ChildProcess): Promise<T> {
  const [said] = (await once(part, 'message')) as [T];
  return said;
}

const ca = await createTestCa();
const authority = await FakeAuthority.start(ca);
authority.remembers = false;
t.after(() => authority.close());
const { controlSocket, apiSocket, apiMtlsSocket, webSocket } = authority.sockets;
const gate = startPart('unread-part.ts', 'gate', controlSocket, apiSocket, apiMtlsSocket, webSocket);
const { gate: port } = await word<GatePorts>(gate);
const target = startPart('unread-part.ts', 'target');
const ports = await word<TargetPorts>(target);
const pair = await startPair(t, { ca, authority, port });
const agent = startPart('agent-main.ts', pair.stateDir, 'false');
await pair.linked;
const pids = [gate.pid ?? 0, agent.pid ?? 0] as const;

function tcp(to: number): TcpParams {
  return { kind: 'tcp', host: '127.0.0.1', port: to };
}

/** One connection that sends back what it is sent; the answer sends so much, and counts what came back. */
async function openEcho(): Promise<() => Promise<number>> {
  const somebody = await pair.operator('somebody');
  const { stream } = await somebody.start(sessionId(0), tcp(ports.echo)).answer;
  let back = 0;
  let wake: () => void = () => undefined;
  let send: () => void = () => undefined;
  stream.listen({
    onData: (data) => {
      back += data.length;
      wake();
    },
    onDrain: () => send(),
    // Cut: what did not come back is missing.
    onEnd: () => wake(),
  });
  return async () => {
    const goal = back + sent;
    const begin = back;
    send = sendAll(stream, sent);
    send();
    await new Promise<void>((resolve) => {
      wake = () => {
        if (back >= goal || stream.isClosed) resolve();
      };
    });
    return back - begin;
  };
}

/** To be called again whenever there is room. */
function sendAll(stream: ByteStream, bytes: number): () => void {
  const chunk = Buffer.alloc(64 * 1024, 'e');
  let left = bytes;
  return () => {
    while (left > 0) {
      left -= chunk.length;
      if (!stream.write(chunk)) return;
    }
  };
}

async function untilStill(): Promise<void> {
  const look = async (): Promise<boolean> => {
    const moved = pids.map(bytesMoved);
    await pause(stillMs);
    return pids.every((pid, at) => bytesMoved(pid) - (moved[at] ?? 0) < 256 * 1024);
  };
  await until('nothing flows any more', look, flowMaxMs);
}

async function untilClosed(open: number): Promise<void> {
  const look = async (): Promise<boolean> => {
    target.send('open');
    return (await word<number>(target)) <= open;
  };
  await until('the target has no more connections than it should', look, closeMaxMs);
}

// What the first bytes load and compile is not what is measured.
const echo = await openEcho();
const echoedBefore = await echo();
const before = pids.map(residentBytes);

// A session each, and as many channels as that may have: nobody listens to what comes. Not before their turn:
// a connection without a first request is closed.
const crowd: Promise<SigningOperator>[] = [];
let asked = 1;
let opened = 1;
let refusal = '';

async function openUnread(n: number): Promise<void> {
  const at = Math.floor(n / limits.channelsPerSessionMax);
  const operator = await (crowd[at] ??= pair.operator(`crowd-${at}`));
  const answer = await operator.start(sessionId(1 + at), tcp(ports.pouring)).answer;
  if (answer.status === 200) opened += 1;
  else refusal = (await readProblem(answer)).message;
}

const lane = async (): Promise<void> => {
  while (asked < total) await openUnread(asked++);
};
await Promise.all(Array.from({ length: atOnce }, lane));
if (refusal === '') await openUnread(total - 1);
await untilStill();
const full = pids.map(residentBytes);
const echoed = await echo();
for (const operator of crowd) (await operator).socket.destroy();
await untilClosed(1);
const report: UnreadReport = {
  opened,
  refusal,
  gate: [before[0] ?? 0, full[0] ?? 0],
  agent: [before[1] ?? 0, full[1] ?? 0],
  echoed: [echoedBefore, echoed],
  sent,
};
process.stdout.write(JSON.stringify(report), () => process.exit(0));
