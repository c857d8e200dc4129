// The broker as two systemd services under two users, so that what the gate's process can be made to do stays
// the gate's (docs/threat-model.md): the authority's keys and database belong to a user that the gate is not.
// In common they have one directory, in which the authority makes its sockets and the gate may use them.
// Accounts and directories are left to sysusers.d and tmpfiles.d: no code of ours walks about as root. Pure.

import { formatHostPort, type BrokerConfig } from '../../core/broker-config.ts';
import { commandLine, isInHome, ownMark, pathWord, unitText, type UnitFile } from './unit-file.ts';

export const authorityUser = 'sallyport-authority';
export const gateUser = 'sallyport-gate';
/** Of the gate alone: the sockets in the shared directory are this group's. */
export const controlGroup = 'sallyport-control';
export const brokerTarget = 'sallyport-broker.target';
export const authorityUnitName = 'sallyport-authority.service';
export const gateUnitName = 'sallyport-gate.service';
const by = 'broker service install';

export interface BrokerUnitFacts {
  /** Words before the subcommand: node and this program. */
  readonly program: readonly string[];
  /** The same for the gate, with the flags that confine it. */
  readonly gateProgram: readonly string[];
  readonly dataDir: string;
  readonly runDir: string;
  readonly config: Pick<BrokerConfig, 'name' | 'listen' | 'drainMs'>;
}

export interface BrokerUnits {
  /** Accounts, directories, services, target: in the order in which they are put in place. */
  readonly accounts: UnitFile;
  readonly directories: UnitFile;
  readonly units: readonly UnitFile[];
}

export function brokerUnits(facts: BrokerUnitFacts): BrokerUnits {
  return {
    accounts: accounts(),
    directories: directories(facts),
    units: [authorityUnit(facts), gateUnit(facts), target()],
  };
}

function accounts(): UnitFile {
  return {
    path: '/etc/sysusers.d/sallyport.conf',
    text: [
      `${ownMark} ${by}".`,
      `g ${controlGroup} -`,
      `u ${authorityUser} - "Sallyport authority"`,
      `u ${gateUser} - "Sallyport gate"`,
      `m ${gateUser} ${controlGroup}`,
      '',
    ].join('\n'),
  };
}

function directories({ dataDir, runDir, config }: BrokerUnitFacts): UnitFile {
  const owner = `${authorityUser} ${authorityUser} -`;
  const yaml = `name: '${config.name}'\\nlisten: '${formatHostPort(config.listen)}'\\n`;
  return {
    path: '/etc/tmpfiles.d/sallyport.conf',
    text: [
      `${ownMark} ${by}".`,
      '# Keys and database: of the authority alone.',
      `d ${pathWord(dataDir)} 0700 ${owner}`,
      '# Written once; what is changed in it later stays.',
      `f ${pathWord(`${dataDir}/broker.yaml`)} 0600 ${owner} ${yaml}`,
      '# Where the two meet. Set-gid: the sockets that the authority makes are the group of the gate.',
      `d ${pathWord(runDir)} 2750 ${authorityUser} ${controlGroup} -`,
      '',
    ].join('\n'),
  };
}

function authorityUnit({ program, dataDir, runDir }: BrokerUnitFacts): UnitFile {
  const argv = [...program, 'broker', 'authority', '--data', dataDir, '--run-dir', runDir, '--gate-apart'];
  return {
    path: `/etc/systemd/system/${authorityUnitName}`,
    text: unitText(by, [
      [
        'Unit',
        [
          'Description=Sallyport authority: decides, signs and remembers',
          `PartOf=${brokerTarget}`,
          `RequiresMountsFor=${pathWord(dataDir)}`,
          'StartLimitIntervalSec=0',
        ],
      ],
      [
        'Service',
        [
          'Type=exec',
          `User=${authorityUser}`,
          `Group=${authorityUser}`,
          `ExecStart=${commandLine(argv)}`,
          ...restarts,
          '# Requests under way have half a minute.',
          'TimeoutStopSec=45',
          '',
          '# It speaks to its gate by unix sockets and to nobody else, and owns nothing but these two directories.',
          `ReadWritePaths=${pathWord(dataDir)} ${pathWord(runDir)}`,
          'PrivateNetwork=yes',
          'RestrictAddressFamilies=AF_UNIX',
          'CapabilityBoundingSet=',
          ...(isInHome(dataDir)
            ? ['# Its data lie in a home directory: no ProtectHome.']
            : ['ProtectHome=yes']),
          ...sandbox,
        ],
      ],
    ]),
  };
}

function gateUnit({ gateProgram, dataDir, runDir, config }: BrokerUnitFacts): UnitFile {
  const drainS = Math.ceil(config.drainMs / 1_000);
  const listen = formatHostPort(config.listen);
  const argv = [...gateProgram, 'broker', 'gate', '--run-dir', runDir];
  argv.push('--listen', listen, '--drain', `${drainS}s`);
  const isLowPort = config.listen.port > 0 && config.listen.port < 1_024;
  return {
    path: `/etc/systemd/system/${gateUnitName}`,
    text: unitText(by, [
      [
        'Unit',
        [
          'Description=Sallyport gate: moves bytes',
          `PartOf=${brokerTarget}`,
          '# Also the order of a stop: the gate drains first, and the authority hears of every end.',
          `After=network-online.target ${authorityUnitName}`,
          `Wants=network-online.target ${authorityUnitName}`,
          'StartLimitIntervalSec=0',
        ],
      ],
      [
        'Service',
        [
          'Type=exec',
          `User=${gateUser}`,
          `Group=${gateUser}`,
          `SupplementaryGroups=${controlGroup}`,
          '# The gate cannot read broker.yaml: after "listen" or "drain" changed there, install the service again.',
          `ExecStart=${commandLine(argv)}`,
          ...restarts,
          `TimeoutStopSec=${drainS + 10}`,
          'LimitNOFILE=65536',
          '',
          '# It has its port and the sockets of the authority: no file of its own, and none of anybody else.',
          `InaccessiblePaths=-${pathWord(dataDir)}`,
          'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6',
          ...(isLowPort
            ? ['CapabilityBoundingSet=CAP_NET_BIND_SERVICE', 'AmbientCapabilities=CAP_NET_BIND_SERVICE']
            : ['CapabilityBoundingSet=']),
          'ProtectHome=yes',
          ...sandbox,
        ],
      ],
    ]),
  };
}

function target(): UnitFile {
  return {
    path: `/etc/systemd/system/${brokerTarget}`,
    text: unitText(by, [
      ['Unit', ['Description=Sallyport broker', `Wants=${authorityUnitName} ${gateUnitName}`]],
      ['Install', ['WantedBy=multi-user.target']],
    ]),
  };
}

const restarts = [
  '# Either may end by itself and is back at once; the other goes on meanwhile.',
  'Restart=always',
  'RestartSec=1',
] as const;

/** For both. MemoryDenyWriteExecute is not here: Node.js compiles as it runs. */
const sandbox = [
  'UMask=0077',
  'NoNewPrivileges=yes',
  'ProtectSystem=strict',
  'PrivateTmp=yes',
  'PrivateDevices=yes',
  'ProtectProc=invisible',
  'ProtectControlGroups=yes',
  'ProtectKernelTunables=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelLogs=yes',
  'ProtectClock=yes',
  'ProtectHostname=yes',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'LockPersonality=yes',
  'RemoveIPC=yes',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'SystemCallErrorNumber=EPERM',
] as const;
