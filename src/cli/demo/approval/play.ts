// `sallyport demo --script --story approval`: a ticket, a request, a yes by a passkey, and what stands on them.

import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, start } from '../program.ts';
import { must, mustJson } from '../stage.ts';
import { line, playSteps, type Say } from '../step.ts';
import { StoryStage } from '../story-stage.ts';
import { ConsoleVisitor } from './console-visitor.ts';
import { approvalSteps, device, type ApprovalStage } from './steps.ts';

const policy = `@id("operators-see")
permit (principal in Role::"operator", action == Action::"discover", resource);

@id("approvers-approve")
permit (principal in Role::"approver", action == Action::"approve", resource);

@id("commands-need-a-ticket-and-a-second-person")
@maxSession("1h")
@approvers("1")
permit (principal in Role::"operator", action == Action::"exec", resource)
when { context has ticket };
`;

export async function playApproval(say: Say): Promise<number> {
  const startedAt = performance.now();
  const story = await StoryStage.open();
  try {
    const stage = await set(story);
    say(line('ok', 'broker, device, an administrator, and ana, an operator', performance.now() - startedAt));
    return await playSteps(approvalSteps, stage, { say, startedAt });
  } finally {
    await story.close();
  }
}

async function set(story: StoryStage): Promise<ApprovalStage> {
  const secret = randomBytes(32).toString('base64url');
  await mkdir(story.dataDir, { mode: 0o700 });
  await writeFile(join(story.folder, 'changes.secret'), secret, { mode: 0o600 });
  await writeFile(join(story.dataDir, 'tickets.yaml'), sources(join(story.folder, 'changes.secret')), {
    mode: 0o600,
  });
  await story.signIn(await story.startBroker(story.admin, true));
  // She may approve what others ask for: her own no, then, is about herself.
  await must(run(['roles', 'grant', 'ana', 'approver'], story.admin));
  const { token } = await mustJson(
    run(['devices', 'invite', device, '--owner', 'ana', '--json'], story.admin),
  );
  const state = story.stateOf(device);
  await must(run(['agent', 'join', story.address, '--token', String(token), '--state', state], story.admin));
  story.keep(start(['agent', 'run', '--state', state], story.admin));
  await story.untilLinked(1);
  await story.applyPolicy(policy);
  const rootFile = join(story.folder, 'console-root.pem');
  const { console } = await mustJson(run(['trust', '--out', rootFile, '--json'], story.admin));
  const root = await readFile(rootFile, 'utf8');
  const visitor = (): ConsoleVisitor => new ConsoleVisitor(String(console), root);
  return { story, secret, visitor, bo: visitor(), cy: visitor(), request: '' };
}

function sources(secretFile: string): string {
  return `sources:
  changes:
    secretFile: ${JSON.stringify(secretFile)}
    signature: standard
    ticket: /change/number
    status: /change/state
    open: [implement]
    covers: /change/devices
`;
}
