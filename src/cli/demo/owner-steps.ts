// The demo's device whose owner has the last word: a command that waits for consent given on the device,
// and a kind that the owner does not allow at all.

import { exitStatus } from '../../core/errors.ts';
import { exitOf, run, start } from './program.ts';
import { guardedDevice, stateOf, type Stage } from './stage.ts';
import { expect, type Step } from './step.ts';

const looks = 100;

interface AgentStatus {
  readonly running?: { readonly waiting?: readonly unknown[] };
}

export const ownerSteps: readonly Step[] = [
  { title: 'consent given late, on the device', play: lateConsent },
  {
    title: 'what the owner does not allow',
    play: async ({ operator, folder }) => {
      const ran = await run(['cp', `${guardedDevice}:${folder}/files/x`, folder], operator);
      expect(ran.status === exitStatus.denied, `exit ${ran.status}: ${ran.stderr}`);
      return `denied (exit 77): ${ran.stderr.split('\n')[0] ?? ''}`;
    },
  },
];

async function lateConsent(stage: Stage): Promise<string> {
  const state = stateOf(stage.folder, guardedDevice);
  const child = start(['exec', guardedDevice, '--', 'echo', 'let in'], stage.operator);
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => said.push(chunk.toString('utf8')));
  }
  const ended = exitOf(child);
  expect(await hasWaiting(stage, state), `nobody waited; the command said: ${said.join('')}`);
  const early = said.join('');
  expect(!early.includes('let in'), 'the command ran before it was allowed');
  const allowed = await run(['agent', 'allow', '5m', '--state', state], stage.admin);
  expect(allowed.status === 0, allowed.stderr);
  const exit = await ended;
  expect(exit === 0 && said.join('').endsWith('let in\n'), `exit ${exit}: ${said.join('')}`);
  return 'the command waited, ran once the owner agreed, and not before';
}

async function hasWaiting(stage: Stage, state: string): Promise<boolean> {
  for (let look = 0; look < looks; look += 1) {
    const status = await run(['agent', 'status', '--state', state, '--json'], stage.admin);
    expect(status.status === 0, status.stderr);
    const { running } = JSON.parse(status.stdout) as AgentStatus;
    if (running?.waiting?.length === 1) return true;
  }
  return false;
}
