// The agent as a systemd service. What is taken from it is taken from every shell and command that it starts,
// which is why it looks bare where it runs as root: those are other people's shells. As another user it starts
// sessions as that user only, who could not do what is taken away anyway. Pure.

import { commandLine, isInHome, pathWord, unitText, type UnitFile } from './unit-file.ts';

export const agentUnitName = 'sallyport-agent.service';

export interface AgentUnitFacts {
  /** Words before the subcommand: node and this program. */
  readonly program: readonly string[];
  readonly stateDir: string;
  /** The owner's rules, where they are not beside the state. */
  readonly config?: string | undefined;
  /** The owner of the state directory. */
  readonly user: string;
}

export function agentUnit(facts: AgentUnitFacts): UnitFile {
  const { program, stateDir, config, user } = facts;
  const argv = [...program, 'agent', 'run', '--state', stateDir];
  if (config !== undefined) argv.push('--config', config);
  const isRoot = user === 'root';
  return {
    path: `/etc/systemd/system/${agentUnitName}`,
    text: unitText('agent service install', [
      [
        'Unit',
        [
          'Description=Sallyport agent: dials out to the broker and serves what its passes ask for',
          'Wants=network-online.target',
          'After=network-online.target',
          `RequiresMountsFor=${pathWord(stateDir)}`,
          '# However often it ended, it is started again: nobody may be there to do it.',
          'StartLimitIntervalSec=0',
        ],
      ],
      [
        'Service',
        [
          'Type=exec',
          ...(isRoot ? [] : [`User=${user}`]),
          `ExecStart=${commandLine(argv)}`,
          "# Reads the owner's rules again.",
          'ExecReload=/bin/kill -HUP $MAINPID',
          'Restart=always',
          'RestartSec=5',
          '# Each session gets a cgroup of its own below this one, so that it can be ended whole.',
          'Delegate=yes',
          '# At a stop the agent ends its sessions and signs their receipts; what is left then is killed.',
          'KillMode=mixed',
          'TimeoutStopSec=20',
          '# A session that eats the memory must not take the agent along.',
          'OOMPolicy=continue',
          ...(isRoot ? asRoot(stateDir) : asUser(user)),
        ],
      ],
      ['Install', ['WantedBy=multi-user.target']],
    ]),
  };
}

/** Nothing that a shell would feel; what an owner who allows no shells may add. */
function asRoot(stateDir: string): readonly string[] {
  return [
    '',
    '# It runs as root, since sessions run as whichever user policy names. What is taken from this service is',
    '# taken from their shells: with NoNewPrivileges there is no sudo in them, with ProtectSystem root cannot',
    '# install a package, with ProtectHome nobody is at home, with PrivateTmp /tmp is another one, with',
    '# PrivateDevices there are no serial ports. So none of it is on.',
    '#',
    '# Where agent.yaml allows connections only ("kinds: [tcp]"), all of this can be, by "systemctl edit":',
    '#   NoNewPrivileges=yes',
    '#   CapabilityBoundingSet=',
    '#   ProtectSystem=strict',
    `#   ReadWritePaths=${pathWord(stateDir)}`,
    ...protections.map((line) => `#   ${line}`),
    ...(isInHome(stateDir) ? ['#   ProtectHome=read-only'] : ['#   ProtectHome=yes']),
    '#   PrivateTmp=yes',
    '#   PrivateDevices=yes',
    '# Better still, such an agent is not root: give its state directory to a user of its own and install again.',
    '# Never on: ProtectControlGroups (sessions get cgroups), MemoryDenyWriteExecute (Node.js compiles as it runs).',
  ];
}

function asUser(user: string): readonly string[] {
  return [
    '',
    `# It runs as "${user}", and so does every session: nobody can become another user in them, so nothing is`,
    '# taken away that they had, but sudo and other set-uid programs. Where people shall have those, set',
    '# NoNewPrivileges=no, CapabilityBoundingSet=~ and RestrictSUIDSGID=no by "systemctl edit".',
    'NoNewPrivileges=yes',
    'CapabilityBoundingSet=',
    'ProtectSystem=full',
    ...protections,
    '# Not on, since sessions would feel it: ProtectHome, PrivateTmp, PrivateDevices (serial ports),',
    '# RestrictNamespaces (containers, browsers). Where agent.yaml allows connections only, all four can be.',
    '# Never on: ProtectControlGroups (sessions get cgroups), MemoryDenyWriteExecute (Node.js compiles as it runs).',
  ];
}

/** What no session of an ordinary user, and no file transfer, needs. */
const protections = [
  'ProtectKernelTunables=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelLogs=yes',
  'ProtectClock=yes',
  'ProtectHostname=yes',
  'RestrictSUIDSGID=yes',
  'RestrictRealtime=yes',
  'LockPersonality=yes',
] as const;
