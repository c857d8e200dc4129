// What runs and stays: the broker, the agent on a device, and the demo that starts both here.

import type { CommandSpec, FlagSpec } from './spec.ts';

const state: FlagSpec = {
  name: 'state',
  value: 'DIR',
  summary: 'where the agent keeps its key and state',
  completes: 'file',
};

const proxyFlags: readonly FlagSpec[] = [
  { name: 'proxy', value: 'URL', summary: 'go through this HTTP proxy: http://[USER:PASSWORD@]HOST:PORT' },
  { name: 'no-proxy', summary: 'go straight, whatever HTTPS_PROXY says' },
];

const part: readonly FlagSpec[] = [
  { name: 'run-dir', value: 'DIR', required: true, summary: 'where the sockets between the two lie' },
  { name: 'config', value: 'JSON', summary: 'the configuration, as "broker run" read it' },
];

export const running: readonly CommandSpec[] = [
  {
    path: 'demo',
    summary: 'start a broker and an agent here, and open a governed shell on "the device"',
    flags: [
      { name: 'script', summary: 'play by itself and say what happened' },
      {
        name: 'story',
        value: 'NAME',
        summary: 'with --script: another story: "fleet" or "approval"',
        completes: ['fleet'],
      },
    ],
    examples: ['sallyport demo', 'sallyport demo --script', 'sallyport demo --script --story approval'],
    load: () => import('../commands/demo.ts'),
  },
  {
    path: 'broker run',
    summary: 'run the broker; the first run makes its CA and prints the first invite',
    flags: [
      { name: 'data', value: 'DIR', summary: 'the data directory', completes: 'file' },
      { name: 'listen', value: 'HOST:PORT', summary: 'where to listen (default 0.0.0.0:7443)' },
      { name: 'name', value: 'NAME', summary: 'the name that people and devices reach it by' },
    ],
    examples: ['sallyport broker run --data /var/lib/sallyport --name gate.example.com'],
    load: () => import('../commands/broker/run.ts'),
  },
  {
    path: 'broker invite',
    summary: 'on the broker itself: the first administrator, or one more key for a known person',
    args: [{ name: 'name' }],
    flags: [{ name: 'data', value: 'DIR', summary: 'the data directory', completes: 'file' }],
    examples: ['sallyport broker invite admin --data /var/lib/sallyport'],
    load: () => import('../commands/broker/invite.ts'),
  },
  {
    path: 'broker backup-key',
    summary: 'make the key pair that backups are encrypted to',
    args: [{ name: 'file', completes: 'file' }],
    examples: ['sallyport broker backup-key ./backup.key'],
    load: () => import('../commands/broker/backup-key.ts'),
  },
  {
    path: 'broker backup',
    summary: 'everything that the broker needs to come back, encrypted, while it runs',
    args: [{ name: 'file', completes: 'file' }],
    flags: [
      { name: 'to', value: 'KEY', required: true, summary: 'as "broker backup-key" printed it' },
      { name: 'data', value: 'DIR', summary: 'the data directory', completes: 'file' },
      { name: 'force', summary: 'overwrite the file' },
    ],
    examples: ['sallyport broker backup /mnt/backup/broker-$(date +%F) --to spb1.…'],
    load: () => import('../commands/broker/backup.ts'),
  },
  {
    path: 'broker restore',
    summary: 'a broker from a backup, into a new data directory',
    args: [{ name: 'file', completes: 'file' }],
    flags: [
      { name: 'key', value: 'FILE', required: true, summary: 'the key that opens it', completes: 'file' },
      { name: 'data', value: 'DIR', summary: 'the new data directory', completes: 'file' },
      {
        name: 'locks',
        value: 'FILE',
        summary: 'a log that was exported since: its locks and removals are in force again',
        completes: 'file',
      },
    ],
    examples: ['sallyport broker restore broker-2027-01-05 --key backup.key --data /var/lib/sallyport'],
    notes: ['without --locks no session opens until an administrator lifts the lock that it prints'],
    load: () => import('../commands/broker/restore.ts'),
  },
  {
    path: 'broker check',
    summary: 'is everything of this broker there and whole',
    flags: [{ name: 'data', value: 'DIR', summary: 'the data directory', completes: 'file' }],
    examples: ['sallyport broker check --data /var/lib/sallyport'],
    load: () => import('../commands/broker/check.ts'),
  },
  {
    path: 'broker rotate',
    summary: 'another issuing CA, or another root too, while links and sessions stay',
    args: [{ name: 'what', completes: ['issuing', 'root'] }],
    flags: [{ name: 'data', value: 'DIR', summary: 'the data directory', completes: 'file' }],
    examples: [
      'sallyport broker rotate issuing --data /var/lib/sallyport',
      'sallyport broker rotate root --data /var/lib/sallyport',
    ],
    notes: [
      'what the issuing CA before has signed is accepted for twelve hours more; by then it has ended',
      'the old root signs the new one, and whoever pinned it follows, also after years away; eight roots at most',
      'take a backup after another root: an older one has the old root, which those who followed refuse',
    ],
    load: () => import('../commands/broker/rotate.ts'),
  },
  {
    path: 'broker service',
    summary: 'on Linux with systemd: authority and gate as services of two users, at every boot',
    args: [{ name: 'action', completes: ['install', 'status', 'remove'] }],
    flags: [
      {
        name: 'data',
        value: 'DIR',
        summary: 'the data directory (default /var/lib/sallyport)',
        completes: 'file',
      },
      { name: 'name', value: 'NAME', summary: 'first time: the name that people and devices reach it by' },
      { name: 'listen', value: 'HOST:PORT', summary: 'first time: where to listen (default 0.0.0.0:7443)' },
      { name: 'print', summary: 'install: only print what would be written' },
    ],
    examples: [
      'sallyport broker service install --name gate.example.com',
      'sallyport broker service install --print',
      'sallyport broker service status',
    ],
    notes: [
      'after "listen" or "drain" changed in broker.yaml, install again: the gate cannot read that file',
    ],
    load: () => import('../commands/broker/service.ts'),
  },
  {
    path: 'broker authority',
    isHidden: true,
    summary: 'the deciding half of the broker; "broker run" or a service starts it',
    flags: [
      { name: 'data', value: 'DIR', required: true, summary: 'the data directory' },
      ...part,
      { name: 'gate-apart', summary: 'the gate is another user, and may use the sockets in --run-dir' },
    ],
    examples: [],
    load: () => import('../commands/broker/authority.ts'),
  },
  {
    path: 'broker gate',
    isHidden: true,
    summary: 'the carrying half of the broker; "broker run" or a service starts it',
    flags: [
      ...part,
      { name: 'listen', value: 'HOST:PORT', summary: 'without --config: where to listen' },
      { name: 'drain', value: 'D', summary: 'without --config: how long live sessions may finish' },
    ],
    examples: [],
    load: () => import('../commands/broker/gate.ts'),
  },
  {
    path: 'agent join',
    summary: 'enroll this machine as a device',
    args: [{ name: 'address' }],
    flags: [
      { name: 'token', value: 'TOKEN', summary: 'the token of "devices invite"' },
      { name: 'token-file', value: 'FILE', summary: 'a file that holds it', completes: 'file' },
      {
        name: 'approvers',
        value: 'FILE',
        summary: 'pin this approver set (docs/approvals.md)',
        completes: 'file',
      },
      state,
      ...proxyFlags,
    ],
    examples: [
      'sallyport agent join gate.example.com:7443 --token sp2.d.…',
      'sallyport agent join gate.example.com:7443 --token sp2.d.… --proxy http://proxy.example.com:3128',
    ],
    notes: [
      'what --proxy or --no-proxy says is kept for "agent run"; without them HTTPS_PROXY, ALL_PROXY and NO_PROXY count',
    ],
    load: () => import('../commands/agent/join.ts'),
  },
  {
    path: 'agent run',
    summary: 'dial out to the broker and serve what it was asked to, until stopped',
    flags: [
      state,
      {
        name: 'config',
        value: 'FILE',
        summary: "the owner's rules (default agent.yaml in the state directory)",
        completes: 'file',
      },
      { name: 'moved', summary: 'the state directory came from another machine, and that is right' },
    ],
    examples: ['sallyport agent run', 'sallyport agent run --config /etc/sallyport/agent.yaml'],
    load: () => import('../commands/agent/run.ts'),
  },
  {
    path: 'agent preflight',
    summary: 'what stands between this machine and a broker, before it joins or after',
    args: [{ name: 'address', optional: true }],
    flags: [
      { name: 'token', value: 'TOKEN', summary: 'compare the root of the broker with the one of this token' },
      state,
      ...proxyFlags,
      { name: 'nat', summary: 'also measure how long an idle connection survives; takes minutes' },
      {
        name: 'nat-max',
        value: 'D',
        summary: 'the longest idle time that is tried (default 5m, at most 30m)',
      },
    ],
    examples: [
      'sallyport agent preflight gate.example.com:7443',
      'sallyport agent preflight gate.example.com:7443 --token sp2.d.… --nat',
    ],
    notes: [
      'without ADDRESS, on a machine that has joined: the broker that it joined',
      'exit status 0: all is good, 1: something failed; warnings are good',
    ],
    load: () => import('../commands/agent/preflight.ts'),
  },
  {
    path: 'agent renew',
    summary: 'renew the certificate of a device whose agent does not run, once',
    flags: [
      state,
      { name: 'moved', summary: 'the state directory came from another machine, and that is right' },
    ],
    examples: ['sallyport agent renew', 'sallyport agent renew --state /var/lib/sallyport-agent'],
    load: () => import('../commands/agent/renew.ts'),
  },
  {
    path: 'agent crowd',
    isHidden: true,
    summary: 'many agents in one process, for demo, soak and bench',
    args: [{ name: 'dirs', many: true, completes: 'file' }],
    examples: [],
    load: () => import('../commands/agent/crowd.ts'),
  },
  {
    path: 'agent status',
    summary: 'what the agent on this machine is doing',
    flags: [state],
    examples: ['sallyport agent status'],
    load: () => import('../commands/agent/status.ts'),
  },
  {
    path: 'agent service',
    summary: 'on Linux with systemd: the agent as a service, at every boot',
    args: [{ name: 'action', completes: ['install', 'status', 'remove'] }],
    flags: [
      state,
      { name: 'config', value: 'FILE', summary: "install: the owner's rules", completes: 'file' },
      { name: 'print', summary: 'install: only print what would be written' },
    ],
    examples: [
      'sallyport agent service install',
      'sallyport agent service install --state /var/lib/sallyport-agent --print',
      'sallyport agent service status',
    ],
    notes: ['it runs as the owner of the state directory; as root, sessions may be of any user'],
    load: () => import('../commands/agent/service.ts'),
  },
  {
    path: 'agent allow',
    summary: 'on the device: let sessions in for a while, where its owner requires consent',
    args: [{ name: 'for', optional: true }],
    flags: [
      { name: 'session', value: 'SESSION', summary: 'only this one, as "agent status" shows it' },
      { name: 'nobody', summary: 'take the consent back; who is in stays in' },
      state,
    ],
    examples: ['sallyport agent allow 30m', 'sallyport agent allow --session ses_…'],
    load: () => import('../commands/agent/allow.ts'),
  },
  {
    path: 'agent pin-approvers',
    summary: 'on the device: accept the approvals of the people in this file, and of no others',
    args: [{ name: 'file', completes: 'file' }],
    flags: [{ name: 'yes', short: 'y', summary: 'do not ask' }, state],
    examples: ['sallyport agent pin-approvers approvers.json'],
    notes: [
      'the file is written at the broker by "sallyport approvers export"; compare the fingerprint',
      'it counts where agent.yaml says "approvals: verify": docs/approvals.md',
    ],
    load: () => import('../commands/agent/pin-approvers.ts'),
  },
  {
    path: 'agent approvers',
    summary: 'on the device: the people whose approvals it accepts',
    flags: [state],
    examples: ['sallyport agent approvers'],
    load: () => import('../commands/agent/approvers.ts'),
  },
  {
    path: 'agent breakglass',
    summary: 'on the device: its shell, by a sealed request that enough offline keys signed',
    args: [{ name: 'file', completes: 'file' }],
    flags: [state],
    examples: ['sallyport agent breakglass request.json'],
    notes: [
      'made by "sallyport breakglass request DEVICE --on-site"; once, for half an hour at most, recorded',
      'the broker is asked first where it answers, and told afterwards where it does not',
    ],
    load: () => import('../commands/agent/breakglass.ts'),
  },
  {
    path: 'agent pin-breakglass',
    summary: 'on the device: the offline keys that open it on site, instead of the broker’s',
    args: [{ name: 'keys', many: true, optional: true }],
    flags: [
      { name: 'need', value: 'N', summary: 'how many of them: at least 2' },
      { name: 'none', summary: 'no keys at all' },
      { name: 'of-broker', summary: 'whichever the broker has, with the next renewal' },
      { name: 'yes', short: 'y', summary: 'do not ask' },
      state,
    ],
    examples: [
      'sallyport agent pin-breakglass ops=KEY plant=KEY safety=KEY --need 2',
      'sallyport agent pin-breakglass --none',
    ],
    load: () => import('../commands/agent/pin-breakglass.ts'),
  },
  {
    path: 'agent cut',
    summary: 'on the device: end a session at once, or all of them',
    args: [{ name: 'session', optional: true }],
    flags: [{ name: 'all', summary: 'every session, and take consent back' }, state],
    examples: ['sallyport agent cut ses_…', 'sallyport agent cut --all'],
    load: () => import('../commands/agent/cut.ts'),
  },
  {
    path: 'agent files-server',
    isHidden: true,
    summary: 'one files channel; the agent starts it',
    flags: [{ name: 'params', value: 'JSON', required: true, summary: 'what the pass bound' }],
    examples: [],
    load: () => import('../commands/agent/files-server.ts'),
  },
];
