import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import { makeLeaf, firstChainHash } from '../../src/wire/audit-leaf.ts';
import { newId } from '../../src/core/ids.ts';
import { commands } from '../../src/cli/commands.ts';
import { startFakeBroker } from './fake-broker.ts';
import { runCli, signedIn, startCli, type Ran } from './run-cli.ts';

const broker = await startFakeBroker();
const home = await signedIn(broker);
after(async () => {
  home.remove();
  await broker.close();
});

async function cli(...args: readonly string[]): Promise<Ran> {
  return await runCli(args, { home: home.path });
}

const evil = '\u001b]0;owned\u0007\u202e\u009b2J\nroot';
const time = '2030-01-01T10:00:00.000Z';
const device = {
  id: `dev_${'0'.repeat(26)}`,
  name: evil,
  owner: { id: 'idn_1', name: evil },
  purpose: evil,
  labels: { site: evil },
  online: true,
  locked: false,
  lastSeenAt: time,
  sessions: 0,
  createdAt: time,
};
const lock = {
  id: `lck_${'0'.repeat(26)}`,
  kind: 'device',
  subject: { id: device.id, name: evil },
  reason: evil,
  createdBy: { id: 'idn_1', name: 'root' },
  createdAt: time,
};
const event = {
  seq: 4,
  id: 'evt_1',
  time,
  type: 'lock.created',
  actor: { kind: 'human', id: 'idn_1' },
  outcome: 'success',
  body: { reason: evil },
};
broker.routes.set('GET /v1/devices', () => ({ items: [device] }));
broker.routes.set('GET /v1/devices/*', () => device);
broker.routes.set('GET /v1/locks', () => ({ items: [lock] }));
broker.routes.set('POST /v1/locks', () => ({ lock, cut: [evil] }));
broker.routes.set('GET /v1/audit/events', () => ({ items: [event] }));

// Everything that could move a cursor or turn text round; a line feed may only end a line of ours.
// oxlint-disable-next-line no-control-regex
const active = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

test('R7 escape codes in names, labels and reasons are inert in tables, details, lines and JSON', async () => {
  for (const args of [
    ['devices', 'ls'],
    ['devices', 'show', 'x'],
    ['locks', 'ls'],
    ['lock', 'add', '--device', 'x', '--reason', 'r'],
    ['audit', 'tail'],
    ['audit', 'search'],
  ]) {
    for (const json of [[], ['--json']]) {
      const ran = await cli(...args, ...json);
      assert.equal(ran.status, 0, ran.stderr);
      assert.ok(ran.stdout.includes('owned'), args.join(' '));
      assert.doesNotMatch(ran.stdout, active, `${args.join(' ')} ${json.join(' ')}`);
      if (json.length > 0) assert.ok(JSON.stringify(JSON.parse(ran.stdout)).includes('owned'));
    }
  }
});

test('R7 escape codes in an error of the broker are inert', async () => {
  broker.routes.set('GET /v1/identities/*', () => {
    throw new SallyportError('not_found', `no "${evil}"`, { next: evil, help: [evil] });
  });
  for (const json of [[], ['--json']]) {
    const ran = await cli('identities', 'show', 'x', ...json);
    assert.equal(ran.status, 69);
    assert.ok(ran.stderr.includes('owned'));
    assert.doesNotMatch(ran.stderr, active);
  }
});

test('a table has one line a row and no borders; JSON is an array', async () => {
  broker.routes.set('GET /v1/sessions', ({ query }) => ({
    items: query.get('live') === 'true' ? [] : [{ ...sessionRow }],
  }));
  assert.equal((await cli('sessions', 'ls')).stdout, 'no live sessions; --all shows ended ones too\n');
  const table = await runCli(['sessions', 'ls', '--all'], { home: home.path, env: { TZ: 'UTC' } });
  assert.equal(
    table.stdout,
    'SESSION  WHO  TARGET  KIND  STATE        SINCE                UNTIL\n' +
      'ses_1    ana  pump-7  exec  ended: lock  2030-01-01 10:00:00  2030-01-01 10:00:00\n',
  );
  assert.equal((JSON.parse((await cli('sessions', 'ls', '--all', '--json')).stdout) as []).length, 1);
});

const sessionRow = {
  id: 'ses_1',
  identity: { id: 'i', name: 'ana' },
  device: { id: 'd', name: 'pump-7' },
  target: 'pump-7',
  kind: 'exec',
  state: 'closed',
  live: false,
  endReason: 'lock',
  createdAt: time,
  endedAt: time,
  mustEndAt: time,
};

test('lists follow the pages to the end, and no further than --limit', async () => {
  broker.routes.set('GET /v1/identities', ({ query }) => {
    const from = Number(query.get('after') ?? 0);
    const count = Math.min(Number(query.get('limit')), 700 - from);
    const items = Array.from({ length: count }, (_, at) => ({ id: `i${from + at}`, roles: [], name: 'n' }));
    return { items, ...(from + count < 700 ? { next: String(from + count) } : {}) };
  });
  assert.equal((JSON.parse((await cli('identities', 'ls', '--json')).stdout) as []).length, 700);
  const some = await cli('identities', 'ls', '--json', '--limit', '3');
  assert.equal((JSON.parse(some.stdout) as []).length, 3);
});

test('an invitation is one line to paste', async () => {
  broker.routes.set('POST /v1/devices/invitations', ({ body }) => {
    assert.deepEqual(body, { name: 'pump-7', owner: 'ana', labels: { site: 'lyon' }, forMs: 1_800_000 });
    return { id: 'enr_1', name: 'pump-7', token: 'sp2.d.s.f', expiresAt: time };
  });
  const words = 'devices invite pump-7 --owner ana --label site=lyon --for 30m';
  const ran = await cli(...words.split(' '));
  assert.ok(ran.stdout.includes(`\nsallyport agent join ${broker.address} --token sp2.d.s.f\n`), ran.stdout);
});

test('wrong words and flags: status 2, what was meant, and nothing is asked of the broker', async () => {
  const before = broker.asked.length;
  for (const [args, says] of [
    [['exce', 'pump-7'], /unknown command "exce"\nnext: did you mean "sallyport exec"\?/],
    [['sessions', 'lss'], /did you mean "sallyport sessions ls"\?/],
    [['devices', 'ls', '--were', 'a=b'], /unknown flag "--were"\nnext: did you mean "--where"\?/],
    [['exec', 'pump-7', 'uptime'], /"uptime" stands before "--"/],
    [['exec', 'pump-7'], /the command to run is missing/],
    [['exec', '--', 'true'], /TARGET is missing/],
    [['exec', 'Pump 7', '--', 'true'], /"Pump 7" is not a target/],
    [['lock', 'add', '--device', 'x'], /"--reason" is missing/],
    [['lock', 'add', '--reason', 'r'], /exactly one thing/],
    [['lock', 'add', '--device', 'x', '--reason', '--for'], /"--reason" needs a value/],
    [['shell', 'pump-7', '--for', 'ever'], /"ever" is not a duration for "--for"/],
    [['roles', 'grant', 'ana', 'king'], /"king" is not a role/],
    [['policy', 'explain', 'ana', 'shel', 'pump-7'], /did you mean "shell"\?/],
    [['whoami', 'again'], /one word too many/],
    [['whoami', '--broker', 'http://x/'], /is not an address/],
  ] as const) {
    const ran = await cli(...args);
    assert.equal(ran.status, 2, args.join(' '));
    assert.equal(ran.stdout, '');
    assert.match(ran.stderr, says);
    assert.doesNotMatch(ran.stderr, /\n +at /, 'a stack trace');
  }
  assert.equal(broker.asked.length, before);
});

test('what cannot be undone is not done without a terminal or --yes', async () => {
  broker.routes.set('DELETE /v1/devices/*', () => ({ done: true }));
  const before = broker.asked.length;
  const asked = await cli('devices', 'remove', 'pump-7');
  assert.equal(asked.status, 2);
  assert.match(asked.stderr, /next: add --yes/);
  assert.equal(broker.asked.length, before);
  assert.equal((await cli('devices', 'remove', 'pump-7', '--yes')).status, 0);
});

test('policy problems are shown place by place, and a policy that has some is not applied', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-policy-'));
  writeFileSync(join(folder, 'night.cedar'), 'permit (principal, action, resource);');
  writeFileSync(join(folder, 'notes.txt'), 'not a policy');
  broker.routes.set('POST /v1/policies/check', ({ body }) => {
    assert.deepEqual(Object.keys((body as { files: object }).files), ['night.cedar']);
    return {
      ok: false,
      policies: [],
      problems: [
        { file: 'night.cedar', line: 3, column: 5, message: 'unknown tag', help: 'did you mean site' },
      ],
      warnings: [],
    };
  });
  const ran = await cli('policy', 'apply', folder);
  assert.equal(ran.status, 1);
  assert.match(ran.stderr, /^night\.cedar:3:5: problem: unknown tag\n {4}help: did you mean site\n/);
  assert.equal(broker.asked.at(-1)?.path, '/v1/policies/check');
});

const leaves = makeLog(5);

function makeLog(count: number): ReturnType<typeof makeLeaf>[] {
  const log: ReturnType<typeof makeLeaf>[] = [];
  for (let seq = 1; seq <= count; seq++) {
    log.push(
      makeLeaf({
        fields: { type: 'broker.started', actor: { kind: 'system', id: 'broker' }, outcome: 'success' },
        seq,
        id: newId('evt', Buffer.alloc(16, seq)),
        time: `2030-01-01T00:00:0${seq}.000000Z`,
        body: '{}',
        salt: Buffer.alloc(32, seq),
        previous: log.at(-1)?.chainHash ?? firstChainHash,
      }),
    );
  }
  return log;
}

function serveLog(log: readonly ReturnType<typeof makeLeaf>[]): void {
  broker.routes.set('GET /v1/audit/head', () => ({
    size: log.length,
    chainHash: log.at(-1)?.chainHash ?? firstChainHash,
  }));
  broker.routes.set('GET /v1/audit/leaves', ({ query }) => ({
    items: log.slice(Number(query.get('fromSeq')) - 1, Number(query.get('fromSeq')) + 1),
  }));
}

test('audit verify hashes every leaf here and remembers the head', async () => {
  serveLog(leaves);
  const ran = await cli('audit', 'verify');
  assert.equal(ran.status, 0, ran.stderr);
  assert.match(ran.stdout, /^whole: 5 events/);
  assert.match((await cli('audit', 'verify')).stdout, /nothing up to event 5 was rewritten/);
});

test('R5 a log that was changed, or cut short since the last verification, is named with its place', async () => {
  serveLog(leaves.map((leaf) => (leaf.seq === 3 ? { ...leaf, body: '{"x":1}' } : leaf)));
  const changed = await cli('audit', 'verify', '--json');
  assert.equal(changed.status, 1);
  assert.deepEqual(JSON.parse(changed.stdout), { ok: false, seq: 3, fault: 'body' });
  serveLog(leaves.slice(0, 4));
  const short = await cli('audit', 'verify');
  assert.equal(short.status, 1);
  assert.match(short.stdout, /^broken at event 5: the log ends before the remembered head/);
});

test('audit tail -f prints each new event once, as NDJSON, until Ctrl-C', async () => {
  serveLog(leaves.slice(0, 1));
  let newest = 1;
  broker.routes.set('GET /v1/audit/events', ({ query }) => {
    const after = query.get('afterSeq');
    if (after === null) return { items: [{ ...event, seq: newest }] };
    if (Number(after) >= 3) return { items: [] };
    newest = Number(after) + 1;
    return { items: [{ ...event, seq: newest }] };
  });
  const child = startCli(['audit', 'tail', '-f', '--json'], { home: home.path });
  const seen: number[] = [];
  let text = '';
  for await (const part of child.stdout as AsyncIterable<Buffer>) {
    text += part.toString();
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) seen.push((JSON.parse(line) as { seq: number }).seq);
    if (seen.length === 3) child.kill('SIGINT');
  }
  assert.deepEqual(seen, [1, 2, 3]);
  assert.equal(child.exitCode ?? (await new Promise((resolve) => child.once('exit', resolve))), 0);
});

test('a list into a reader that goes away ends quietly', async () => {
  broker.routes.set('GET /v1/audit/events', () => ({
    items: Array.from({ length: 5_000 }, (_, at) => ({ ...event, seq: at + 1 })),
  }));
  const child = startCli(['audit', 'search', '--limit', '5000'], { home: home.path });
  let stderr = '';
  child.stderr.on('data', (part: Buffer) => {
    stderr += part.toString();
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const status = await new Promise((resolve) => {
    child.once('close', resolve);
  });
  assert.equal(stderr, '');
  assert.ok(status === 141 || status === 0);
});

test('every command helps, with its usage and an example of itself', async () => {
  for (const { path, examples } of commands) {
    assert.ok(examples.length > 0, path);
    assert.ok(
      examples.some((line) => line.includes(`sallyport ${path}`)),
      path,
    );
  }
  const ran = await cli('devices', 'invite', '--help');
  assert.equal(ran.status, 0);
  assert.match(ran.stdout, /^usage: sallyport devices invite \[DEVICE\] \[flags\]$/m);
  assert.match(ran.stdout, /--label LABEL .*\(repeatable\)/);
});

test('every command on the list has its file, and the file runs', async () => {
  for (const spec of commands) {
    const module = await spec.load();
    assert.equal(typeof module.run, 'function', spec.path);
  }
});
