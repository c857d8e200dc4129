import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentUnit } from './agent-unit.ts';
import { brokerUnits } from './broker-units.ts';
import { commandLine, isInHome, pathWord } from './unit-file.ts';

const program = ['/usr/bin/node', '/opt/sallyport/bin/sallyport.js'];
const broker = brokerUnits({
  program,
  gateProgram: ['/usr/bin/node', '--permission', '--allow-fs-read=/opt/sallyport/*', program[1] ?? ''],
  dataDir: '/var/lib/sallyport',
  runDir: '/run/sallyport',
  config: { name: 'gate.example.com', listen: { host: '0.0.0.0', port: 7_443 }, drainMs: 90_000 },
});
const [authority = [], gate = []] = broker.units.map(({ text }) => text.split('\n'));

test('a command line comes back word by word, whatever is in the words', () => {
  assert.equal(commandLine(['/usr/bin/node', '--state', '/var/lib/x']), '/usr/bin/node --state /var/lib/x');
  assert.equal(commandLine(['/a b', 'c"d', 'e\\f']), '"/a b" "c\\"d" "e\\\\f"');
  // Neither specifiers nor variables of systemd.
  assert.equal(commandLine(['/100%', '$HOME']), '/100%% $$HOME');
  assert.equal(commandLine(['/x;y', "it's"]), '"/x;y" "it\'s"');
  assert.equal(pathWord('/srv/50% off'), '"/srv/50%% off"');
});

test('L20 a path cannot bring a directive of its own', () => {
  for (const path of ['/x\nUser=root', '/x\rUser=root', '/x\u2028y', '/x\u0000'])
    assert.throws(() => agentUnit({ program, stateDir: path, user: 'svc' }), { code: 'invalid' });
});

test('the agent as root is not narrowed, since its sessions would be; as another user it is', () => {
  const lines = (user: string) =>
    agentUnit({ program, stateDir: '/var/lib/sallyport-agent', user }).text.split('\n');
  const [root, svc] = [lines('root'), lines('svc')];
  for (const line of ['Delegate=yes', 'KillMode=mixed', 'Restart=always', 'OOMPolicy=continue']) {
    assert.ok(root.includes(line) && svc.includes(line), line);
  }
  assert.ok(svc.includes('User=svc') && !root.some((line) => line.startsWith('User=')));
  const narrowing =
    /^(?:NoNewPrivileges|Protect\w+|Private\w+|Restrict\w+|CapabilityBoundingSet|SystemCall\w+)=/;
  assert.deepEqual(
    root.filter((line) => narrowing.test(line)),
    [],
  );
  assert.ok(svc.includes('NoNewPrivileges=yes') && svc.includes('ProtectSystem=full'));
  // What would keep sessions from their cgroups, their homes or their devices.
  for (const line of svc)
    assert.doesNotMatch(line, /^(?:ProtectControlGroups|ProtectHome|PrivateTmp|PrivateDevices)=/);
  assert.ok(
    root.some((line) => line.startsWith('#   NoNewPrivileges=yes')),
    'what could be added is said',
  );
});

test('the owner’s rules may lie elsewhere', () => {
  const { text } = agentUnit({ program, stateDir: '/s', config: '/etc/sallyport/agent.yaml', user: 'root' });
  assert.match(text, /agent run --state \/s --config \/etc\/sallyport\/agent\.yaml$/m);
});

test('authority and gate are two users, and the gate alone is of the group of the sockets', () => {
  assert.ok(
    authority.includes('User=sallyport-authority') && authority.includes('Group=sallyport-authority'),
  );
  assert.ok(!authority.some((line) => line.startsWith('SupplementaryGroups')));
  assert.ok(gate.includes('User=sallyport-gate') && gate.includes('SupplementaryGroups=sallyport-control'));
  assert.match(broker.accounts.text, /^m sallyport-gate sallyport-control$/m);
  assert.doesNotMatch(broker.accounts.text, /^m sallyport-authority/m);
  assert.match(
    broker.directories.text,
    /^d \/var\/lib\/sallyport 0700 sallyport-authority sallyport-authority -$/m,
  );
  assert.match(broker.directories.text, /^d \/run\/sallyport 2750 sallyport-authority sallyport-control -$/m);
});

test('the authority has no network, the gate no files, and the gate stops first', () => {
  for (const line of ['PrivateNetwork=yes', 'RestrictAddressFamilies=AF_UNIX', 'CapabilityBoundingSet='])
    assert.ok(authority.includes(line), line);
  assert.ok(gate.includes('InaccessiblePaths=-/var/lib/sallyport'));
  assert.ok(!gate.some((line) => line.startsWith('ReadWritePaths') || line.includes('--data')));
  assert.ok(gate.some((line) => line.startsWith('ExecStart=') && line.includes(' --permission ')));
  assert.ok(gate.includes('After=network-online.target sallyport-authority.service'));
  // As long as it may drain, and a little.
  assert.ok(gate.includes('TimeoutStopSec=100'));
  for (const unit of [authority, gate])
    for (const line of ['NoNewPrivileges=yes', 'ProtectSystem=strict', 'PartOf=sallyport-broker.target'])
      assert.ok(unit.includes(line), line);
});

test('a port below 1024 takes one capability, and only the gate has it', () => {
  const facts = { program, gateProgram: program, dataDir: '/d', runDir: '/r' };
  const low = brokerUnits({
    ...facts,
    config: { name: 'g', listen: { host: '0.0.0.0', port: 443 }, drainMs: 1 },
  }).units.map(({ text }) => text);
  assert.match(low[1] ?? '', /^AmbientCapabilities=CAP_NET_BIND_SERVICE$/m);
  assert.doesNotMatch(low[0] ?? '', /CAP_NET/);
});

test('homes are known as such', () => {
  for (const path of ['/home/ana/x', '/root/.x', '/run/user/1000']) assert.ok(isInHome(path), path);
  for (const path of ['/homestead', '/var/home', '/rooted', '/srv']) assert.ok(!isInHome(path), path);
});
