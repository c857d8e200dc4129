// The owner of a device has the last word, as he and the operator see it: real processes, and what they
// print.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { until } from './program.ts';
import { must, Stage } from './stage.ts';

interface Status {
  readonly running: {
    readonly sessions: readonly { readonly id: string; readonly name: string; readonly kind: string }[];
    readonly waiting: readonly { readonly session: string; readonly name: string }[];
  };
}

suite("the device's owner", () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.ready();
  });
  after(async () => {
    await stage?.close();
  });

  function onDevice(...words: readonly string[]): Promise<string> {
    const all = ['agent', ...words, '--state', stage.stateDir()];
    return stage.run(all, stage.surroundings('device')).then((ran) => must(ran, all));
  }

  /** Writes the rules and has the running agent read them. */
  async function rule(yaml: string): Promise<void> {
    await writeFile(join(stage.stateDir(), 'agent.yaml'), yaml, { mode: 0o600 });
    const { agent } = stage;
    assert.ok(agent !== undefined);
    const seen = agent.stderr.split('the rules were read again').length;
    agent.child.kill('SIGHUP');
    await until('the rules were read', () =>
      agent.stderr.split('the rules were read again').length > seen ? true : undefined,
    );
  }

  test('SIGHUP: what he then refuses is refused, in words that name him, with exit status 77', async () => {
    await rule('kinds: [shell]\n');
    const { code, stderr } = await stage.ana('exec', stage.device, '--', 'true');
    assert.equal(code, 77);
    assert.match(stderr, /the device's owner does not allow exec here/);
    assert.match(stderr, /next: ask its owner: the rules are in agent\.yaml on the device/);
    await stage.untilRefused('owner_refused');
  });

  test('consent: the operator sees that he waits, the owner sees who waits, and lets him in', async () => {
    await rule('consent: required\n');
    const waiting = stage.start(['exec', stage.device, '--', 'echo', 'in'], stage.surroundings('ana'));
    waiting.child.stdin.end();
    await waiting.prints(
      /waiting for consent on "pump-\w+": somebody there types "sallyport agent allow 30m"/,
    );
    const { running } = JSON.parse(await onDevice('status', '--json')) as Status;
    assert.deepEqual(
      running.waiting.map(({ name }) => name),
      ['ana'],
    );
    assert.match(await onDevice('status'), /ana {2}exec {2}pump-\w+ {2}waits for consent until/);
    assert.equal(waiting.stdout, '');
    assert.match(
      await onDevice('allow', '--session', running.waiting[0]?.session ?? ''),
      /that waited: let in/,
    );
    const { code, stdout } = await waiting.finished();
    assert.deepEqual([code, stdout], [0, 'in\n']);
  });

  test('agent cut: the operator is told that it was the owner, and nothing of his is left', async () => {
    await rule('consent: not_required\n');
    const live = stage.start(
      ['exec', stage.device, '--', 'sh', '-c', 'echo up; sleep 600'],
      stage.surroundings('ana'),
    );
    await live.prints(/up/);
    const { running } = JSON.parse(await onDevice('status', '--json')) as Status;
    const [seen] = running.sessions;
    assert.deepEqual([seen?.name, seen?.kind], ['ana', 'exec']);
    assert.match(await onDevice('cut', seen?.id ?? ''), /cut 1 session/);
    const { code, stderr } = await live.finished();
    assert.equal(code, 255);
    assert.match(stderr, /session ended: .*cut on the device by its owner/);
    const session = await stage.untilSession(
      'is closed',
      ({ id, state }) => id === seen?.id && state === 'closed',
    );
    assert.deepEqual(
      [session.endReason, session.endDetail, session.teardown],
      ['device_gone', 'cut on the device by its owner', 'confirmed'],
    );
    assert.deepEqual(stage.onDevice(), []);
  });

  test('what is typed wrong on the device changes nothing and says what to type', async () => {
    for (const [words, says] of [
      [['allow'], /for how long/],
      [['allow', 'soon'], /"soon" is not a time/],
      [['allow', '2d'], /"2d" is not a time/],
      [['allow', '30m', '--session', 'x'], /"x" is not a session/],
      [['allow', '30m', '--nobody'], /stands alone/],
      [['cut'], /say which session to cut, or --all/],
      [['cut', 'ses_x'], /"ses_x" is not a session/],
    ] as const) {
      const all = ['agent', ...words, '--state', stage.stateDir()];
      const { code, stderr } = await stage.run(all, stage.surroundings('device'));
      assert.equal(code, 2, all.join(' '));
      assert.match(stderr, says);
    }
  });

  test('without an agent there is nobody to tell', async () => {
    const all = ['agent', 'cut', '--all', '--state', join(stage.folder, 'nowhere')];
    const { code, stderr } = await stage.run(all, stage.surroundings('device'));
    assert.equal(code, 69);
    assert.match(stderr, /no agent runs on/);
  });
});
