// Files channels on a device: the real agent in this process, the real files server in its own, a gate
// double at the other end of a real TLS link.

import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createPublicKey } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { after, before, test } from 'node:test';
import { listProcesses } from '../../src/agent/services/process-list.ts';
import type { FilesParams } from '../../src/core/channel.ts';
import { readProblem } from '../../src/link/client-session.ts';
import type { ByteStream, InboundEnd } from '../../src/link/byte-stream.ts';
import { readReceipt, type Receipt } from '../../src/wire/receipt.ts';
import { openFlag, statusCode } from '../../src/wire/sftp/codes.ts';
import { verifyStatement } from '../../src/wire/signed.ts';
import { sessionName, startAgentWorld, type AgentWorld, type GateLink } from '../doubles/agent-world.ts';
import { SftpPeer } from '../doubles/sftp-peer.ts';

let world: AgentWorld;
let link: GateLink;
let base: string;
let root: string;

before(async () => {
  base = mkdtempSync(join(tmpdir(), 'sallyport-agent-files-'));
  root = join(base, 'granted');
  mkdirSync(root);
  writeFileSync(join(root, 'there'), 'content');
  writeFileSync(join(base, 'secret'), 'secret');
  world = await startAgentWorld();
  world.start();
  link = await world.nextLink();
  await link.welcome();
});
after(async () => {
  await world.close();
  rmSync(base, { recursive: true, force: true });
});

interface FilesChannel {
  readonly peer: SftpPeer;
  readonly end: Promise<InboundEnd>;
  readonly finish: () => Promise<InboundEnd>;
}

async function openFiles(params: Omit<FilesParams, 'kind'>, session = sessionName()): Promise<FilesChannel> {
  const answer = await link.open({ kind: 'files', ...params }, { session });
  if (answer.status !== 200) throw await readProblem(answer);
  const { duplex, end } = asDuplex(answer.stream);
  const peer = await new SftpPeer(duplex, duplex).init();
  return {
    peer,
    end,
    finish() {
      peer.endInput();
      return end;
    },
  };
}

/** The channel as a Node stream; how it ended beside. */
function asDuplex(stream: ByteStream): { readonly duplex: Duplex; readonly end: Promise<InboundEnd> } {
  let onEnd: (end: InboundEnd) => void = () => undefined;
  const end = new Promise<InboundEnd>((resolve) => {
    onEnd = resolve;
  });
  let onDrain: (() => void) | undefined;
  const duplex = new Duplex({
    read: () => stream.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (stream.write(chunk)) done();
      else onDrain = done;
    },
    final(done) {
      stream.endClean();
      done();
    },
  });
  stream.listen({
    onData(chunk) {
      if (!duplex.push(chunk)) stream.pause();
    },
    onDrain() {
      const done = onDrain;
      onDrain = undefined;
      done?.();
    },
    onEnd(how) {
      duplex.push(null);
      onEnd(how);
    },
  });
  return { duplex, end };
}

async function receiptOf(session: string): Promise<Receipt> {
  for (;;) {
    const body = await world.nextTold('/v1/device/receipts');
    const key = createPublicKey(world.deviceKey);
    const verified = verifyStatement('receipt', String(body['receipt']), () => key);
    const receipt = verified.ok ? readReceipt(verified.payload) : undefined;
    if (receipt?.session === session) return receipt;
  }
}

async function processesOf(session: string): Promise<number> {
  return (await listProcesses()).filter((process) => process.session === session).length;
}

const denied = { status: statusCode.permissionDenied };

test('S5 a channel that was granted to read refuses to write, and refuses every other path', async () => {
  const { peer, finish } = await openFiles({ mode: 'read', roots: [root] });
  assert.equal(await peer.content(join(root, 'there')), 'content');
  await assert.rejects(peer.put(join(root, 'new'), 'x'), denied);
  await assert.rejects(peer.put(join(root, 'there'), 'x'), denied);
  for (const path of [
    join(base, 'secret'),
    `${root}/../secret`,
    '/etc/passwd',
    join(world.stateDir, 'state.json'),
  ]) {
    await assert.rejects(peer.content(path), denied, path);
  }
  assert.deepEqual(await finish(), { how: 'clean', trailers: { 'sallyport-exit': '{"code":0}' } });
  assert.equal(readFileSync(join(root, 'there'), 'utf8'), 'content');
});

test('a channel that was granted to write writes there, and its end is clean', async () => {
  const { peer, finish } = await openFiles({ mode: 'write', roots: [join(root, 'up')] });
  await peer.must({ type: 'mkdir', path: Buffer.from(join(root, 'up')), attrs: {} });
  await peer.put(join(root, 'up', 'load'), 'uploaded');
  await assert.rejects(peer.put(join(root, 'beside'), 'x'), denied);
  assert.equal((await finish()).how, 'clean');
  assert.equal(readFileSync(join(root, 'up', 'load'), 'utf8'), 'uploaded');
});

test('a file of many windows goes through the channel whole, both ways', async () => {
  const content = 'many windows '.repeat(1_000_000);
  const up = await openFiles({ mode: 'write', roots: [root] });
  const handle = await up.peer.open(join(root, 'long'), openFlag.write | openFlag.create);
  const size = 200_000;
  const writes: Promise<unknown>[] = [];
  for (let at = 0; at < content.length; at += size) {
    const data = Buffer.from(content.slice(at, at + size));
    writes.push(up.peer.must({ type: 'write', handle, offset: at, data }));
  }
  await Promise.all(writes);
  await up.finish();
  assert.ok(readFileSync(join(root, 'long'), 'utf8') === content);
  const down = await openFiles({ mode: 'read', roots: [root] });
  const source = await down.peer.open(join(root, 'long'), openFlag.read);
  const reads: Promise<Uint8Array>[] = [];
  for (let at = 0; at < content.length; at += size) reads.push(down.peer.read(source, at, size));
  assert.ok(Buffer.concat(await Promise.all(reads)).toString() === content);
  await down.finish();
});

test('a session that ends takes its files server with it, in the middle of a file', async () => {
  const session = sessionName();
  const { peer, end } = await openFiles({ mode: 'write', roots: [root] }, session);
  const handle = await peer.open(join(root, 'half'), openFlag.write | openFlag.create);
  await peer.must({ type: 'write', handle, offset: 0, data: Buffer.from('half') });
  assert.equal(await processesOf(session), 1);
  await link.lease([]);
  assert.equal((await end).how, 'cut');
  const receipt = await receiptOf(session);
  assert.equal(receipt.processesLeft, 0);
  assert.equal(await processesOf(session), 0);
  await assert.rejects(peer.stat(join(root, 'half')), /ended/);
});

test('what is no SFTP ends the channel as a cut, never as a clean end', async () => {
  const { peer, end } = await openFiles({ mode: 'read', roots: [root] });
  peer.raw(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  assert.equal((await end).how, 'cut');
});

test('an OS user that the device does not have is refused in words', async () => {
  await assert.rejects(openFiles({ mode: 'read', roots: [root], user: 'nobody-here' }), {
    code: 'service_failed',
  });
});

test(
  'a user that policy names reads and writes as that user',
  { skip: process.getuid?.() === 0 ? false : 'skipped: only root can become another user' },
  async () => {
    chmodSync(base, 0o755);
    chmodSync(root, 0o755);
    writeFileSync(join(root, 'private'), 'private', { mode: 0o600 });
    const own = join(root, 'own');
    mkdirSync(own);
    chownSync(own, 1, 1);
    const up = await openFiles({ mode: 'write', roots: [root], user: 'daemon' });
    await up.peer.put(join(own, 'by-daemon'), 'x');
    await assert.rejects(up.peer.put(join(root, 'by-daemon'), 'x'), denied);
    await up.finish();
    const down = await openFiles({ mode: 'read', roots: [root], user: 'daemon' });
    await assert.rejects(down.peer.content(join(root, 'private')), denied);
    assert.equal((await down.peer.stat(join(own, 'by-daemon'))).uid, 1);
    await down.finish();
    assert.ok(!existsSync(join(root, 'by-daemon')));
  },
);
