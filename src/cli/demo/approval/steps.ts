// The steps of the approval story, in order: each goes on where the one before left the stage.

import { createHmac, randomUUID } from 'node:crypto';
import { exitStatus } from '../../../core/errors.ts';
import { textDigest } from '../../../wire/approval.ts';
import { collect, exitOf, run, start } from '../program.ts';
import { must, mustJson } from '../stage.ts';
import { expect, type Step } from '../step.ts';
import type { StoryStage } from '../story-stage.ts';
import type { Answer, ConsoleVisitor } from './console-visitor.ts';

export const device = 'pump-7';
const ticket = 'CHG-4711';
/** A cut is to take less. */
const cutMaxMs = 1_000;

export interface ApprovalStage {
  readonly story: StoryStage;
  /** What the ticket system and the broker both know. */
  readonly secret: string;
  readonly visitor: () => ConsoleVisitor;
  readonly bo: ConsoleVisitor;
  readonly cy: ConsoleVisitor;
  /** Of the request that ana files. */
  request: string;
}

export const approvalSteps: readonly Step<ApprovalStage>[] = [
  { title: 'bo and cy come in by a passkey', play: enroll },
  { title: 'the ticket system tells of a change', play: tellTicket },
  { title: 'ana asks', play: ask },
  { title: 'ana approves herself', play: approveOwn },
  { title: 'bo approves by his passkey', play: approve },
  { title: 'ana works, and the ticket is closed', play: closeTicket },
  { title: 'ana comes again', play: comeAgain },
];

async function enroll({ story, bo, cy }: ApprovalStage): Promise<string> {
  for (const [name, role, visitor] of [
    ['bo', 'approver', bo],
    ['cy', 'operator', cy],
  ] as const) {
    const { link } = await mustJson(run(['identities', 'add', name, '--role', role, '--json'], story.admin));
    const { status, body } = await visitor.enroll(String(link));
    expect(status === 200 && body['name'] === name, `${name}: ${JSON.stringify(body)}`);
    const again = await visitor.enroll(String(link)).catch(() => ({ status: 0 }));
    expect(again.status !== 200, `the link of ${name} worked twice`);
  }
  return 'no password, no key that was sent; each link worked once';
}

async function tellTicket(stage: ApprovalStage): Promise<string> {
  const forged = await tell({ ...stage, secret: 'another secret of many letters' }, 'implement');
  expect(forged.status === 401, `a forged message: ${forged.status}`);
  const told = await tell(stage, 'implement');
  expect(told.status === 200, JSON.stringify(told.body));
  return `${ticket} is open and names ${device}; a message with another signature was refused`;
}

async function ask(stage: ApprovalStage): Promise<string> {
  const { operator } = stage.story;
  const bare = await run(['exec', device, '--', 'true'], operator);
  expect(bare.status === exitStatus.denied, `without a ticket: exit ${bare.status}`);
  const unapproved = await run(['exec', device, '--ticket', ticket, '--', 'true'], operator);
  expect(/you need an approval/.test(unapproved.stderr), unapproved.stderr);
  const words = ['request', device, '--kind', 'exec', '--for', '30m', '--reason', 'new valve firmware'];
  const filed = await mustJson(run([...words, '--ticket', ticket, '--json'], operator));
  stage.request = String(filed['id']);
  return `refused without ticket, refused without an approval; ${stage.request} waits for one of ${String(filed['approvers'])}`;
}

async function approveOwn({ story, request }: ApprovalStage): Promise<string> {
  const own = await run(['approve', request, '--yes'], story.operator);
  expect(own.status === exitStatus.denied, `exit ${own.status}: ${own.stderr}`);
  return 'refused, though she is an approver';
}

async function approve({ bo, cy, request }: ApprovalStage): Promise<string> {
  const path = `/v1/requests/${request}`;
  const hidden = await cy.get(path);
  expect(hidden.status === 404, `cy, who approves nothing, sees it: ${hidden.status}`);
  const { body } = await bo.get(path);
  const content = String(body['content']);
  const changed = content.replace('1800000', '9999999');
  expect(changed !== content, 'the request does not hold its duration');
  const bait = await bo.post(`${path}/approve`, { assertion: bo.passkey.get(textDigest(changed)) });
  expect(bait.status === 401, `a yes to another text: ${bait.status}`);
  const yes = await bo.post(`${path}/approve`, { assertion: bo.passkey.get(textDigest(content)) });
  expect(yes.body['state'] === 'approved', JSON.stringify(yes.body));
  return 'over the hash of exactly this request; a yes to one with another duration was refused, and cy sees none of it';
}

async function closeTicket(stage: ApprovalStage): Promise<string> {
  const child = stage.story.keep(
    start(['exec', device, '--', 'sh', '-c', 'echo in; sleep 600'], stage.story.operator),
  );
  const ended = Promise.all([exitOf(child), collect(child.stderr)]);
  await Promise.race([ended, new Promise((resolve) => child.stdout?.once('data', resolve))]);
  const told = await tell(stage, 'closed');
  const at = performance.now();
  const [status, stderr] = await ended;
  const ms = Math.round(performance.now() - at);
  expect(told.status === 200, JSON.stringify(told.body));
  expect(status === 255 && /ticket/.test(stderr), `exit ${status}: ${stderr}`);
  expect(ms < cutMaxMs, `the session ended ${ms} ms after the answer`);
  return `her command was ended ${ms} ms after the broker had answered: the ticket was closed`;
}

async function comeAgain({ story, request }: ApprovalStage): Promise<string> {
  const again = await run(['exec', device, '--ticket', ticket, '--', 'true'], story.operator);
  expect(again.status === exitStatus.denied, `exit ${again.status}`);
  const { state } = await mustJson(run(['requests', 'show', request, '--json'], story.operator));
  expect(state === 'used', `the request is ${String(state)}`);
  await must(run(['audit', 'verify'], story.admin));
  return 'refused: the approval is used up, the ticket closed; the log verifies';
}

/** As the ticket system sends it: Standard Webhooks. */
async function tell(
  { visitor, secret }: Pick<ApprovalStage, 'visitor' | 'secret'>,
  state: string,
): Promise<Answer> {
  const body = { change: { number: ticket, state, devices: [device] } };
  const [id, stamp] = [randomUUID(), String(Math.floor(Date.now() / 1_000))];
  const mac = createHmac('sha256', secret)
    .update(`${id}.${stamp}.${JSON.stringify(body)}`)
    .digest('base64');
  return await visitor().post('/v1/tickets/messages/changes', body, {
    'webhook-id': id,
    'webhook-timestamp': stamp,
    'webhook-signature': `v1,${mac}`,
  });
}
