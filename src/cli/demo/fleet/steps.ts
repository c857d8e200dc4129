// The steps of the fleet's story, in order: each goes on where the one before left the stage.

import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exitStatus } from '../../../core/errors.ts';
import { exitOf, run, start } from '../program.ts';
import { must, mustJson, stop } from '../stage.ts';
import { expect, type Step } from '../step.ts';
import type { StoryStage } from '../story-stage.ts';
import { copiedDevice, fleetSize } from './fleet.ts';

const joinedAtOnce = 4;

export const fleetSteps: readonly Step<StoryStage>[] = [
  { title: 'one token, fifty devices', play: joinAll },
  { title: 'the broker is killed and back', play: killBroker },
  { title: 'the issuing CA turns over under a live session', play: rotate },
  { title: 'one device is copied', play: copyDevice },
  { title: 'the broker is lost and restored', play: restore },
];

/** Accepted by a rule: whoever joins from this machine's own network. */
async function joinAll(stage: StoryStage): Promise<string> {
  const words = ['devices', 'invite', '--count', String(fleetSize), '--name', 'pump-{n}'];
  const rule = ['--label', 'site=lyon', '--accept', '127.0.0.0/8', '--for', '7d', '--owner', 'ana'];
  const { token } = await mustJson(run([...words, ...rule, '--json'], stage.admin));
  const file = join(stage.folder, 'token');
  await writeFile(file, `${String(token)}\n`, { mode: 0o600 });
  const names: string[] = [];
  let number = 0;
  const lane = async (): Promise<void> => {
    while (number < fleetSize) {
      number += 1;
      const state = stage.stateOf(`joining-${number}`);
      const join = ['agent', 'join', stage.address, '--token-file', file, '--state', state, '--json'];
      const { name } = await mustJson(run(join, stage.admin));
      await cp(state, stage.stateOf(String(name)), { recursive: true });
      await rm(state, { recursive: true });
      names.push(String(name));
    }
  };
  await Promise.all(Array.from({ length: joinedAtOnce }, lane));
  const beyond = ['agent', 'join', stage.address, '--token-file', file, '--state', stage.stateOf('beyond')];
  const refused = await run(beyond, stage.admin);
  expect(refused.status === exitStatus.denied, `one more joined: ${refused.stdout}`);
  const dirs = names.filter((name) => name !== copiedDevice).map((name) => stage.stateOf(name));
  stage.keep(start(['agent', 'crowd', ...dirs], stage.admin));
  stage.keep(start(['agent', 'run', '--state', stage.stateOf(copiedDevice)], stage.admin));
  await stage.untilLinked(fleetSize);
  const held = (await stage.devices()).filter(({ hold }) => hold !== undefined);
  expect(held.length === 0, `${held.length} are not accepted`);
  const ran = await run(
    ['exec', '--where', 'site=lyon', '--yes', '--at-once', '10', '--', 'true'],
    stage.operator,
  );
  expect(ran.status === 0, ran.stderr);
  return `named pump-1 to pump-${fleetSize}, accepted by "127.0.0.0/8", all linked, a command ran on each; one more was refused`;
}

async function killBroker(stage: StoryStage): Promise<string> {
  const at = performance.now();
  const killed = stage.broker;
  const gone = killed === undefined ? undefined : exitOf(killed);
  killed?.kill('SIGKILL');
  await gone;
  await stage.startBroker();
  const backMs = Math.round(performance.now() - at);
  await stage.untilLinked(fleetSize);
  return `answering after ${backMs} ms, all ${fleetSize} linked after ${Math.round(performance.now() - at)} ms`;
}

async function rotate(stage: StoryStage): Promise<string> {
  const child = stage.keep(
    start(['exec', 'pump-1', '--', 'sh', '-c', 'while :; do echo tick; sleep 0.1; done'], stage.operator),
  );
  let ticks = 0;
  child.stdout?.on('data', () => (ticks += 1));
  await stage.until('the session streams', () => Promise.resolve(ticks > 0));
  const words = ['broker', 'rotate', 'issuing', '--data', stage.dataDir, '--json'];
  const { keysetVersion } = await mustJson(run(words, stage.admin));
  const before = ticks;
  await stage.until('the session goes on', () => Promise.resolve(ticks > before + 10));
  const linked = (await stage.devices()).filter(({ online }) => online).length;
  expect(linked === fleetSize, `${linked} of ${fleetSize} are linked`);
  await stop(child);
  return `keyset ${String(keysetVersion)}; the session streamed on, ${linked} of ${fleetSize} linked`;
}

/** Both copies are held; accepted, the one goes on that has the current secret. */
async function copyDevice(stage: StoryStage): Promise<string> {
  const original = stage.stateOf(copiedDevice);
  const copy = stage.stateOf('copy');
  const filter = (path: string): boolean => !path.endsWith('.sock');
  const agent = stage.runningWith(original);
  if (agent !== undefined) await stop(agent);
  await cp(original, copy, { recursive: true, filter });
  await must(run(['agent', 'renew', '--state', original], stage.admin));
  const found = await run(['agent', 'renew', '--state', copy], stage.admin);
  expect(found.status === exitStatus.waiting, `the copy: exit ${found.status}: ${found.stderr}`);
  const also = await run(['agent', 'renew', '--state', original], stage.admin);
  expect(also.status === exitStatus.waiting, `the original: exit ${also.status}: ${also.stderr}`);
  const { hold } = await stage.show(copiedDevice);
  expect(hold?.why === 'clone', `it is held: ${hold?.why}`);
  await must(run(['devices', 'accept', copiedDevice, '--yes'], stage.admin));
  stage.keep(start(['agent', 'run', '--state', original], stage.admin));
  await stage.untilLinked(fleetSize);
  const ran = await run(['exec', copiedDevice, '--', 'true'], stage.operator);
  expect(ran.status === 0, ran.stderr);
  return `found by its first renewal (exit 75), both in quarantine; accepted, the true one serves`;
}

async function restore(stage: StoryStage): Promise<string> {
  const key = join(stage.folder, 'backup.key');
  const file = join(stage.folder, 'backup');
  const { recipient } = await mustJson(run(['broker', 'backup-key', key, '--json'], stage.admin));
  const child = stage.keep(start(['exec', 'pump-2', '--', 'sleep', '600'], stage.operator));
  await stage.until('a session is live', async () => (await stage.show('pump-2')).sessions === 1);
  await must(
    run(['broker', 'backup', file, '--to', String(recipient), '--data', stage.dataDir], stage.admin),
  );
  const ended = exitOf(child);
  await stage.endBroker();
  await ended;
  await rm(stage.dataDir, { recursive: true });

  const words = ['broker', 'restore', file, '--key', key, '--data', stage.dataDir, '--json'];
  const restored = await mustJson(run(words, stage.admin));
  await stage.startBroker();
  for (const [name, who] of [
    ['admin', stage.admin],
    ['ana', stage.operator],
  ] as const) {
    const invite = ['broker', 'invite', name, '--data', stage.dataDir, '--json'];
    const { token } = await mustJson(run(invite, stage.admin));
    await must(run(['login', stage.address, '--invite', String(token)], who));
  }
  await stage.untilLinked(fleetSize);
  const verified = await must(run(['audit', 'verify'], stage.admin));
  const sealed = await run(['exec', 'pump-2', '--', 'true'], stage.operator);
  expect(sealed.status === exitStatus.denied, `a session opened: exit ${sealed.status}`);
  expect((await stage.show('pump-2')).sessions === 0, 'a session is live again');
  await must(run(['unlock', String(restored['sealedBy'])], stage.admin));
  const ran = await run(['exec', 'pump-2', '--', 'true'], stage.operator);
  expect(ran.status === 0, ran.stderr);
  return `the log is ${verified.stdout.split('\n')[0] ?? ''}; ${String(restored['sessionsEnded'])} session ended, none resurrected; all ${fleetSize} linked under the raised epoch; nothing opened before "unlock"`;
}
