// Services: what is done to a machine and in which order, on a machine of the test's own; and what systemd's own
// tools say of the files, where they are installed.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { manageAgent } from '../../src/cli/commands/agent/service.ts';
import { manageBroker } from '../../src/cli/commands/broker/service.ts';
import type { ServiceHost } from '../../src/cli/service/service-host.ts';
import type { UnitFile } from '../../src/cli/service/unit-file.ts';
import { makeHome, runCli } from './run-cli.ts';

const run = promisify(execFile);
const agentUnit = '/etc/systemd/system/sallyport-agent.service';

interface Machine extends ServiceHost {
  readonly files: Map<string, string>;
  readonly commands: string[];
  isRoot: boolean;
  isSystemd: boolean;
}

/** Files in memory; systemctl answers as after a good start. */
function newMachine(): Machine {
  const files = new Map<string, string>();
  const commands: string[] = [];
  return {
    files,
    commands,
    isRoot: true,
    isSystemd: true,
    // Root's own, and open to everybody.
    program: { node: '/bin/sh', script: '/etc/passwd' },
    read: async (path) => files.get(path),
    write: async (path, text) => void files.set(path, text),
    remove: async (path) => void files.delete(path),
    async run(argv) {
      commands.push(argv.join(' '));
      const answers: Readonly<Record<string, string>> = {
        'is-active': 'active',
        'is-enabled': 'enabled',
        '-nu': 'svc',
        '-u': '61001',
      };
      return { code: 0, stdout: `${answers[argv[1] ?? ''] ?? ''}\n`, stderr: '' };
    },
  };
}

/** What a command says, and its exit status. */
async function told(t: TestContext, work: () => Promise<number>): Promise<{ code: number; text: string }> {
  let text = '';
  const original = process.stdout.write.bind(process.stdout);
  const write = t.mock.method(process.stdout, 'write', (chunk: string | Uint8Array) => {
    // The test runner reports on the same stream, in bytes.
    if (typeof chunk !== 'string') return original(chunk);
    text += chunk;
    return true;
  });
  try {
    return { code: await work(), text };
  } finally {
    write.mock.restore();
  }
}

function joinedState(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'sps-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, 'state.json'), '{}');
  return dir;
}

test('agent: installed once, the same again changes nothing, another state wants a restart', async (t) => {
  const machine = newMachine();
  const state = joinedState(t);
  const install = (dir: string) => told(t, () => manageAgent({ action: 'install', state: dir }, machine));
  const first = await install(state);
  assert.equal(first.code, 0);
  assert.match(
    first.text,
    /^sallyport-agent\.service: installed, starts at boot, active\nnext: sallyport agent status/,
  );
  assert.match(
    machine.files.get(agentUnit) ?? '',
    new RegExp(`ExecStart=/bin/sh /etc/passwd agent run --state ${state}`),
  );
  assert.deepEqual(machine.commands.slice(0, 2), [
    'systemctl daemon-reload',
    'systemctl enable --now sallyport-agent.service',
  ]);
  assert.doesNotMatch((await install(state)).text, /restart/);
  assert.match((await install(joinedState(t))).text, /next: sudo systemctl restart sallyport-agent\.service/);
});

test('agent: as the owner of its state, and not before it joined', async (t) => {
  const machine = newMachine();
  const empty = mkdtempSync(join(tmpdir(), 'sps-'));
  t.after(() => rmSync(empty, { recursive: true, force: true }));
  await assert.rejects(manageAgent({ action: 'install', state: empty }, machine), {
    code: 'local_file',
    message: /holds no device that has joined/,
  });
  assert.equal(machine.files.size, 0);
  if (process.getuid?.() !== 0) return;
  const state = joinedState(t);
  chownSync(join(state, 'state.json'), 61_001, 61_001);
  await told(t, () => manageAgent({ action: 'install', state }, machine));
  assert.match(machine.files.get(agentUnit) ?? '', /^User=svc$/m);
});

test('a machine without systemd, and a user who is not root, are told what to do instead', async (t) => {
  const state = joinedState(t);
  for (const action of ['install', 'remove']) {
    const bare = Object.assign(newMachine(), { isSystemd: false });
    await assert.rejects(manageAgent({ action, state }, bare), { message: /not run by systemd/ });
    await assert.rejects(manageBroker({ action, data: state }, bare), { message: /not run by systemd/ });
    const user = Object.assign(newMachine(), { isRoot: false });
    await assert.rejects(manageAgent({ action, state }, user), {
      next: `sudo sallyport agent service ${action}`,
    });
    await assert.rejects(manageBroker({ action, data: state }, user), {
      next: `sudo sallyport broker service ${action}`,
    });
    for (const machine of [bare, user]) assert.deepEqual([machine.files.size, machine.commands], [0, []]);
  }
  const wrong = { action: 'start' };
  await assert.rejects(manageAgent(wrong, newMachine()), { code: 'invalid' });
  await assert.rejects(manageBroker(wrong, newMachine()), { code: 'invalid' });
});

test('a unit that somebody else wrote is neither overwritten nor removed', async (t) => {
  const machine = newMachine();
  machine.files.set(agentUnit, '[Service]\nExecStart=/bin/true\n');
  const state = joinedState(t);
  for (const action of ['install', 'remove']) {
    await assert.rejects(manageAgent({ action, state }, machine), {
      code: 'conflict',
      message: /was not written by this program/,
    });
  }
  assert.equal(machine.files.get(agentUnit), '[Service]\nExecStart=/bin/true\n');
});

test('systemctl that fails is a failure, with its own words', async (t) => {
  const machine = newMachine();
  const broken: ServiceHost = {
    ...machine,
    run: async () => ({ code: 1, stdout: '', stderr: 'Failed to connect to bus\u001b[2J' }),
  };
  await assert.rejects(manageAgent({ action: 'install', state: joinedState(t) }, broken), (error: Error) => {
    assert.match(error.message, /"systemctl daemon-reload" failed: Failed to connect to bus/);
    return !error.message.includes('\u001b');
  });
});

test('broker: accounts, then directories, then services; removing takes the services and leaves the data', async (t) => {
  const machine = newMachine();
  const data = join(mkdtempSync(join(tmpdir(), 'spb-')), 'data');
  t.after(() => rmSync(dirname(data), { recursive: true, force: true }));
  const options = { data, name: 'gate.example.com', listen: '0.0.0.0:443' };
  const installed = await told(t, () => manageBroker({ action: 'install', ...options }, machine));
  assert.equal(installed.code, 0);
  assert.match(installed.text, /next: sudo sallyport broker invite admin --data /);
  assert.deepEqual(
    machine.commands.filter((line) => !/ is-(?:active|enabled) /.test(line)),
    [
      'systemd-sysusers /etc/sysusers.d/sallyport.conf',
      'systemd-tmpfiles --create /etc/tmpfiles.d/sallyport.conf',
      'systemctl daemon-reload',
      'systemctl enable --now sallyport-broker.target',
    ],
  );
  assert.equal(machine.files.size, 5);
  const status = await told(t, () => manageBroker({ action: 'status', ...options }, machine));
  assert.equal(status.code, 0);
  assert.match(status.text, /sallyport-gate\.service +\S+ +enabled +active/);
  const removed = await told(t, () => manageBroker({ action: 'remove', data }, machine));
  assert.match(removed.text, /stopped and removed; the data and the users .* stay/);
  assert.equal(machine.files.size, 0);
  assert.deepEqual(
    machine.commands.filter((line) => line.includes(' stop ')),
    ['sallyport-broker.target', 'sallyport-gate.service', 'sallyport-authority.service'].map(
      (unit) => `systemctl stop ${unit}`,
    ),
  );
  const again = await told(t, () => manageBroker({ action: 'remove', data }, machine));
  assert.match(again.text, /no such services are installed/);
});

test('broker: broker.yaml that is there counts, data of another user are not given away', async (t) => {
  const machine = newMachine();
  const data = mkdtempSync(join(tmpdir(), 'spb-'));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  writeFileSync(join(data, 'broker.yaml'), 'name: there.example\nlisten: "0.0.0.0:9443"\ndrain: 1m\n');
  await assert.rejects(manageBroker({ action: 'install', data, name: 'other' }, machine), {
    code: 'conflict',
  });
  mkdirSync(join(data, 'authority'));
  await assert.rejects(manageBroker({ action: 'install', data }, machine), {
    code: 'conflict',
    next: /chown -R sallyport-authority:sallyport-authority/,
  });
  assert.ok(!machine.commands.some((line) => line.startsWith('systemctl')));
  rmSync(join(data, 'authority'), { recursive: true });
  await told(t, () => manageBroker({ action: 'install', data }, machine));
  const gate = machine.files.get('/etc/systemd/system/sallyport-gate.service') ?? '';
  assert.match(gate, /--listen 0\.0\.0\.0:9443 --drain 60s$/m);
  // It changed there: the gate does not see it, so status says so.
  writeFileSync(join(data, 'broker.yaml'), 'name: there.example\nlisten: "0.0.0.0:9444"\n');
  const { text } = await told(t, () => manageBroker({ action: 'status', data }, machine));
  assert.match(text, /next: an installation now would write something else/);
});

test('broker: a program that the two users could not start is refused before anything is written', async () => {
  for (const [script, words] of [
    ['/root/sallyport/bin/sallyport.js', /homes and \/tmp are closed/],
    ['/tmp/sallyport.js', /homes and \/tmp are closed/],
    ['/etc/shadow', /"\/etc\/shadow" is not open to them/],
  ] as const) {
    const machine = { ...newMachine(), program: { node: '/bin/sh', script } };
    const options = { action: 'install', data: '/nowhere', name: 'gate.example.com' };
    await assert.rejects(manageBroker(options, machine), { code: 'local_file', message: words });
    assert.equal(machine.files.size, 0);
  }
});

async function printed(...words: readonly string[]): Promise<readonly UnitFile[]> {
  const home = makeHome();
  const ran = await runCli([...words, '--print', '--json'], { home: home.path });
  home.remove();
  assert.equal(ran.status, 0, ran.stderr);
  return JSON.parse(ran.stdout) as readonly UnitFile[];
}

function hasTool(name: string): string | false {
  return ['/bin', '/usr/bin'].some((folder) => existsSync(join(folder, name))) ? false : `no ${name} here`;
}

test('systemd takes every unit as it is printed', { skip: hasTool('systemd-analyze') }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'spu-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const files = [
    ...(await printed('agent', 'service', 'install', '--state', "/srv/50% of pump's state")),
    ...(await printed('broker', 'service', 'install', '--data', '/srv/a b', '--name', 'gate.example.com')),
  ];
  const units = files.filter(({ path }) => path.startsWith('/etc/systemd/'));
  assert.equal(units.length, 4);
  const paths = units.map(({ path, text }) => {
    const copy = join(folder, basename(path));
    writeFileSync(copy, text);
    return copy;
  });
  const { stdout, stderr } = await run('systemd-analyze', ['verify', ...paths]);
  assert.equal(`${stdout}${stderr}`, '', 'no warning either');
});

const whyNoTools =
  hasTool('systemd-tmpfiles') ||
  hasTool('systemd-sysusers') ||
  (process.getuid?.() === 0 ? false : 'accounts and owners need root');

test(
  'accounts and directories as systemd makes them: keys for one user only',
  { skip: whyNoTools },
  async (t) => {
    const root = mkdtempSync(join(tmpdir(), 'spr-'));
    t.after(() => rmSync(root, { recursive: true, force: true }));
    for (const name of ['etc', 'run', 'var/lib']) mkdirSync(join(root, name), { recursive: true });
    const files = await printed('broker', 'service', 'install', '--name', 'gate.example.com');
    for (const { path, text } of files) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    await run('systemd-sysusers', [`--root=${root}`]);
    await run('systemd-tmpfiles', [`--root=${root}`, '--create', 'sallyport.conf']);
    const ids = (file: string): ReadonlyMap<string, number> =>
      new Map(
        readFileSync(join(root, 'etc', file), 'utf8')
          .split('\n')
          .map((line) => line.split(':'))
          .map(([name = '', , id]) => [name, Number(id)]),
      );
    const [users, groups] = [ids('passwd'), ids('group')];
    assert.match(readFileSync(join(root, 'etc/group'), 'utf8'), /^sallyport-control:x:\d+:sallyport-gate$/m);
    const look = (path: string): readonly (number | undefined)[] => {
      const { uid, gid, mode } = statSync(join(root, path));
      return [uid, gid, mode & 0o7777];
    };
    const authority = users.get('sallyport-authority');
    assert.notEqual(authority, users.get('sallyport-gate'));
    assert.deepEqual(look('var/lib/sallyport'), [authority, groups.get('sallyport-authority'), 0o700]);
    assert.deepEqual(look('var/lib/sallyport/broker.yaml'), [
      authority,
      groups.get('sallyport-authority'),
      0o600,
    ]);
    assert.deepEqual(look('run/sallyport'), [authority, groups.get('sallyport-control'), 0o2750]);
    assert.equal(
      readFileSync(join(root, 'var/lib/sallyport/broker.yaml'), 'utf8'),
      "name: 'gate.example.com'\nlisten: '0.0.0.0:7443'\n",
    );
  },
);
