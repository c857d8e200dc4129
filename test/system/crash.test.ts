// Negative test I17: each process of the product is killed with -9 in the middle of a session, one at a time.
// What a session started on the device is gone afterwards, the session is marked ended, the broker comes
// back without a person, and the next command works. The device itself goes on.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { isAlive } from './proc.ts';
import { type Program, until } from './program.ts';
import { must, Stage, type SessionSeen } from './stage.ts';

suite('kill -9 in the middle of a session', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.ready();
  });
  after(async () => {
    await stage?.close();
  });

  /** A command that streams for ever, and one that it hid from its process group. */
  async function openStream(): Promise<Program & { readonly session: string }> {
    const script = 'setsid sleep 3605 & while :; do echo tick; sleep 0.05; done';
    const stream = stage.start(['exec', stage.device, '--', 'sh', '-c', script], stage.surroundings('ana'));
    await stream.prints(/tick/);
    const [live] = (await stage.sessions()).filter((session) => session.live);
    return Object.assign(stream, { session: live?.id ?? '' });
  }

  async function ended(stream: { readonly session: string }): Promise<SessionSeen> {
    return await stage.untilSession('is marked ended', (session) => {
      return session.id === stream.session && !session.live;
    });
  }

  async function untilBack(part: 'authority' | 'gate', killed: number): Promise<void> {
    await until(`the ${part} is back`, () => {
      const pid = stage.partIfAny(part);
      return pid !== undefined && pid !== killed;
    });
    await stage.untilOnline();
  }

  async function assertWorksAgain(): Promise<void> {
    const ran = await stage.ana('exec', stage.device, '--', 'echo', 'again');
    assert.equal(ran.stdout, 'again\n', ran.stderr);
    must(await stage.admin('audit', 'verify'), ['audit', 'verify']);
  }

  async function untilDeviceIsClean(): Promise<void> {
    await until('nothing of the session runs on the device', () => stage.onDevice().length === 0);
  }

  test('I17 the gate: the session ends, and the next one opens', async () => {
    const stream = await openStream();
    const gate = stage.part('gate');
    process.kill(gate, 'SIGKILL');
    assert.equal((await stream.exited).code, 255);
    await untilDeviceIsClean();
    assert.match((await ended(stream)).endReason ?? '', /^(?:shutdown|device_gone)$/);
    await untilBack('gate', gate);
    await assertWorksAgain();
  });

  test('I17 the authority: a live stream goes on, and the next session opens', async () => {
    const stream = await openStream();
    const authority = stage.part('authority');
    const startedAt = performance.now();
    process.kill(authority, 'SIGKILL');
    await untilBack('authority', authority);
    const backMs = performance.now() - startedAt;
    assert.ok(backMs < 15_000, `the authority took ${Math.round(backMs)} ms`);
    // Twice what leases hold at a time would be long; one lease interval shows that they are renewed.
    const seen = stream.stdout.length;
    await until('the stream went on', () => stream.stdout.length > seen + 100);
    await assertWorksAgain();
    assert.ok((await stage.sessions()).find(({ id }) => id === stream.session)?.live, stream.stderr);
    await stream.end();
    await untilDeviceIsClean();
    await ended(stream);
  });

  test('I17 the agent: its next start ends what it left, and says so', async () => {
    const stream = await openStream();
    await stage.agent?.kill();
    assert.equal((await stream.exited).code, 255);
    assert.equal((await ended(stream)).endReason, 'device_gone');
    await stage.startAgent();
    await untilDeviceIsClean();
    const receipt = await until('the teardown is confirmed', async () =>
      (await stage.events('--type', 'teardown.confirmed')).find(({ session }) => session === stream.session),
    );
    assert.equal(receipt.body?.['processesLeft'], 0);
    await assertWorksAgain();
  });

  test('I17 the operator: the session ends on the device', async () => {
    const stream = await openStream();
    await stream.kill();
    await untilDeviceIsClean();
    assert.equal((await ended(stream)).endReason, 'operator_gone');
    await assertWorksAgain();
  });

  test('I17 the supervisor: its parts end too, and a new broker takes up the same data', async () => {
    const stream = await openStream();
    const parts = [stage.part('gate'), stage.part('authority')];
    await stage.broker?.kill();
    await until('gate and authority have ended', () => parts.every((pid) => !isAlive(pid)));
    assert.equal((await stream.exited).code, 255);
    await untilDeviceIsClean();
    assert.equal(await stage.startBroker(), '', 'an administrator is there already');
    await stage.untilOnline();
    assert.match((await ended(stream)).endReason ?? '', /^(?:shutdown|device_gone|operator_gone)$/);
    await assertWorksAgain();
  });
});
