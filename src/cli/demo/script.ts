// `sallyport demo --script`: the demo plays by itself. Every line is a thing that was done through the
// ordinary commands, checked, and timed; the exit status is 0 only if each did what it should.

import { setTimeout as wait } from 'node:timers/promises';
import { exitStatus } from '../../core/errors.ts';
import { exitOf, run, start } from './program.ts';
import { closedDevice, demoDevice, setStage, type Stage } from './stage.ts';
import { fileSteps } from './file-steps.ts';
import { forwardSteps } from './forward-steps.ts';
import { ownerSteps } from './owner-steps.ts';
import { expect, line, playSteps, type Say, type Step } from './step.ts';
import { eventsOf, lastSession } from './story.ts';
import { playShell } from './play-shell.ts';

const steps: readonly Step[] = [
  {
    title: 'shell through the gate',
    play: async (stage) => {
      const seen = await playShell(stage, demoDevice, 'echo "on the device: $SALLYPORT_NAME"');
      expect(seen.text.includes('on the device: ana'), `the shell showed: ${seen.text.slice(-200)}`);
      expect(seen.status === 0, `the shell ended with ${seen.status}`);
      return 'ana typed a line and saw its output; the shell ended with 0';
    },
  },
  {
    title: 'exec with its exit status',
    play: async ({ operator }) => {
      const ran = await run(
        ['exec', demoDevice, '--', 'sh', '-c', 'echo out; echo err >&2; exit 7'],
        operator,
      );
      expect(
        ran.status === 7 && ran.stdout === 'out\n' && ran.stderr === 'err\n',
        `exit ${ran.status}, "${ran.stdout}", "${ran.stderr}"`,
      );
      return 'stdout and stderr apart, exit status 7';
    },
  },
  {
    title: 'a target that nothing grants',
    play: async ({ operator }) => {
      const ran = await run(['exec', closedDevice, '--', 'true'], operator);
      expect(ran.status === exitStatus.denied, `exit ${ran.status}: ${ran.stderr}`);
      return `denied (exit 77): ${ran.stderr.split('\n')[0] ?? ''}`;
    },
  },
  {
    title: 'a target that does not exist',
    play: async ({ operator }) => {
      const ran = await run(['exec', 'nowhere', '--', 'true'], operator);
      expect(ran.status === exitStatus.unreachable, `exit ${ran.status}: ${ran.stderr}`);
      return 'not there (exit 69)';
    },
  },
  ...forwardSteps,
  ...fileSteps,
  ...ownerSteps,
  { title: 'a lock cuts a live stream', play: lockCuts },
  {
    title: 'the locked device is closed',
    play: async ({ operator }) => {
      const ran = await run(['exec', demoDevice, '--', 'true'], operator);
      expect(ran.status === exitStatus.denied, `exit ${ran.status}: ${ran.stderr}`);
      return `denied (exit 77): ${ran.stderr.split('\n')[0] ?? ''}`;
    },
  },
  {
    title: 'the device confirmed the teardown',
    play: async (stage) => {
      const session = await lastSession(stage);
      const receipt = (await eventsOf(stage, session?.id ?? '')).find(
        (event) => event.type === 'teardown.confirmed',
      );
      expect(receipt?.body?.['processesLeft'] === 0, `the receipt: ${JSON.stringify(receipt)}`);
      return `signed receipt: ${String(receipt?.body?.['method'])}, 0 processes, 0 sockets left`;
    },
  },
  {
    title: 'the log verifies',
    play: async ({ admin }) => {
      const ran = await run(['audit', 'verify'], admin);
      expect(ran.status === 0, ran.stderr);
      return ran.stdout.split('\n')[0] ?? '';
    },
  },
];

export async function playScript(say: Say): Promise<number> {
  const startedAt = performance.now();
  const stage = await setStage((step, ms) => say(line('ok', step, ms)));
  try {
    return await playSteps(steps, stage, { say, startedAt });
  } finally {
    await stage.close();
  }
}

/** A command that never ends on its own, a lock on its device, and the time until its last byte. */
async function lockCuts(stage: Stage): Promise<string> {
  const child = start(['exec', demoDevice, '--', 'sh', '-c', 'while :; do echo tick; done'], stage.operator);
  let lastByteAt = 0;
  let errors = '';
  const firstByte = new Promise<void>((resolve) => {
    child.stdout?.on('data', () => {
      lastByteAt = Date.now();
      resolve();
    });
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString('utf8');
  });
  const ended = exitOf(child);
  await Promise.race([firstByte, ended]);
  await wait(200); // let it stream for a while: the lock has to cut something that flows
  const lock = await run(
    ['lock', 'add', '--device', demoDevice, '--reason', 'stolen', '--json'],
    stage.admin,
  );
  expect(lock.status === 0, lock.stderr);
  const status = await ended;
  const lockedAt = Date.parse((JSON.parse(lock.stdout) as { lock: { createdAt: string } }).lock.createdAt);
  const ms = Math.max(0, lastByteAt - lockedAt);
  expect(status === exitStatus.transport, `the command ended with ${status}: ${errors}`);
  expect(errors.includes('stolen'), `the operator was told: ${errors}`);
  expect(ms <= 1_000, `the last byte came ${ms} ms after the lock`);
  return `last byte ${ms} ms after the lock; ana was told: ${errors.trim().split('\n')[0] ?? ''}`;
}
