// The daily commands: signing in, the work itself, what is going on, and help.

import type { ArgumentSpec, CommandSpec, FlagSpec } from './spec.ts';

const target: ArgumentSpec = { name: 'target', completes: 'target' };
const session: ArgumentSpec = { name: 'session', completes: 'session' };
const shortest: FlagSpec = {
  name: 'for',
  value: 'DURATION',
  summary: 'end after this time at the latest; never longer than policy allows',
};

const waiting: FlagSpec = {
  name: 'wait',
  value: 'DURATION',
  summary: 'wait that long for a device that is away',
};

const ticket: FlagSpec = {
  name: 'ticket',
  value: 'ID',
  summary: 'the change or incident that it belongs to',
};

export const daily: readonly CommandSpec[] = [
  {
    path: 'login',
    summary: 'sign in to a broker: a person in the browser or with an invite, a machine by what it is',
    args: [{ name: 'address' }],
    flags: [
      { name: 'invite', value: 'TOKEN', summary: 'the invite, from an administrator' },
      { name: 'workload', value: 'NAME', summary: 'a machine: its name; then with --root' },
      {
        name: 'root',
        value: 'FINGERPRINT',
        summary: 'of the broker’s root, where nobody signed in from here before',
      },
      { name: 'key', value: 'FILE', summary: 'a machine: its private key', completes: 'file' },
      {
        name: 'svid',
        value: 'FILE',
        summary: 'a machine: its X.509-SVID and intermediates, PEM; with --key',
        completes: 'file',
      },
      {
        name: 'token-file',
        value: 'FILE',
        summary: 'a machine: the token of its provider',
        completes: 'file',
      },
      {
        name: 'audience',
        value: 'TEXT',
        summary: 'GitHub: the audience to ask for (default: the trust domain)',
      },
    ],
    examples: [
      'sallyport login gate.example.com:7443',
      'sallyport login gate.example.com:7443 --invite sp2.h.…',
      'sallyport login gate.example.com:7443 --workload ci-deploy --root …',
    ],
    notes: [
      'without more than the address: shows a code, and a browser that your passkey let in says yes to it',
      'a machine is signed in for 15 minutes, by a key that is made here; nothing renews it',
      'its token comes from --key, --token-file, SALLYPORT_ID_TOKEN (GitLab id_tokens), or is asked of GitHub',
    ],
    load: () => import('../commands/login.ts'),
  },
  {
    path: 'trust',
    summary: 'let this machine’s browsers trust the console of the broker',
    flags: [
      { name: 'out', value: 'FILE', summary: 'only write the root certificate there', completes: 'file' },
    ],
    examples: ['sallyport trust', 'sallyport trust --out console.pem'],
    notes: ['that root can sign for the name of the console, and for no other'],
    load: () => import('../commands/trust.ts'),
  },
  {
    path: 'logout',
    summary: 'end the sign-in and forget its key',
    examples: ['sallyport logout'],
    load: () => import('../commands/logout.ts'),
  },
  {
    path: 'totp add',
    summary: 'add an authenticator app, within 15 minutes of a new sign-in',
    notes: ['its codes count where policy takes them: @mfaBy("totp") (docs/policy.md)'],
    examples: ['sallyport totp add'],
    load: () => import('../commands/totp/add.ts'),
  },
  {
    path: 'totp remove',
    summary: 'remove the own authenticator app; or, as an administrator, that of who lost his',
    args: [{ name: 'name', optional: true, completes: 'identity' }],
    flags: [
      { name: 'code', value: 'CODE', summary: 'that the own app shows now' },
      { name: 'yes', short: 'y', summary: 'do not ask' },
    ],
    examples: ['sallyport totp remove', 'sallyport totp remove ana'],
    load: () => import('../commands/totp/remove.ts'),
  },
  {
    path: 'done',
    summary: 'the work of somebody from a vendor is done: all that he has here ends',
    args: [{ name: 'name', optional: true, completes: 'identity' }],
    flags: [{ name: 'yes', short: 'y', summary: 'do not ask' }],
    notes: ['without a name: your own, if you come from a vendor; with one: that of a guest of yours'],
    examples: ['sallyport done', 'sallyport done jo-acme'],
    load: () => import('../commands/done.ts'),
  },
  {
    path: 'whoami',
    summary: 'who you are here, until when, and your live sessions',
    examples: ['sallyport whoami', 'sallyport whoami --json'],
    load: () => import('../commands/whoami.ts'),
  },
  {
    path: 'shell',
    summary: 'open a shell on a device',
    args: [target],
    flags: [shortest, waiting, ticket],
    examples: ['sallyport shell pump-7', 'sallyport shell pump-7 --for 30m'],
    isTransport: true,
    load: () => import('../commands/shell.ts'),
  },
  {
    path: 'exec',
    summary: 'run one command on a device, or with --where on many; its exit status becomes ours',
    args: [{ ...target, optional: true }],
    rest: 'CMD…',
    flags: [
      { name: 'tty', short: 't', summary: 'give the command a terminal' },
      {
        name: 'where',
        value: 'LABEL',
        many: true,
        summary: 'on every device with this label, as "site=lyon"',
      },
      { name: 'at-once', value: 'N', summary: 'with --where: on at most this many at a time (10)' },
      { name: 'yes', short: 'y', summary: 'with --where: do not ask' },
      shortest,
      waiting,
      ticket,
    ],
    examples: [
      'sallyport exec pump-7 -- uptime',
      'sallyport exec pump-7 -t -- top',
      'sallyport exec pump-7 --wait 8h -- /opt/update',
      'tar c conf | sallyport exec pump-7 -- tar x -C /etc/pump',
      'sallyport exec --where site=lyon --where kind=pump -- uptime',
    ],
    notes: [
      'With --where the commands get no input, and the exit status is 0 when every device gave 0, else 1.',
      'Without a terminal to ask on it needs --yes. --json prints one object for each device.',
    ],
    isTransport: true,
    load: () => import('../commands/exec.ts'),
  },
  {
    path: 'forward',
    summary: 'a port here that is a service of a device, or what the device reaches',
    args: [target],
    flags: [
      { name: 'listen', value: '[HOST:]PORT', summary: 'where to listen here (127.0.0.1, any free port)' },
      { name: 'to', value: 'HOST:PORT', summary: 'where to from the device, for a device as target' },
      shortest,
      waiting,
      ticket,
    ],
    examples: [
      'sallyport forward pump-7/db --listen 15432',
      'sallyport forward pump-7 --to 192.168.1.20:443 --for 1h',
    ],
    isTransport: true,
    load: () => import('../commands/forward.ts'),
  },
  {
    path: 'cp',
    summary: 'copy files to a device or from one; every copy is checked by SHA-256',
    args: [
      { name: 'src', many: true, completes: 'file' },
      { name: 'dst', completes: 'file' },
    ],
    flags: [
      {
        name: 'recursive',
        short: 'r',
        summary: 'directories with all that is in them; symbolic links in them are left out',
      },
      { name: 'resume', summary: 'go on where a copy broke off, and leave alone what is the same' },
      shortest,
      waiting,
      ticket,
    ],
    examples: [
      'sallyport cp fw.bin pump-7:/opt/fw/',
      'sallyport cp -r ./fw pump-7:/opt/fw',
      "sallyport cp 'pump-7:/var/log/*.log' pump-7:~/notes.txt ./logs/",
    ],
    notes: [
      'DST/ is a directory to copy into. Without the slash a file goes into DST where that is a directory,',
      'and a directory becomes DST: what is there already under another name is not mixed with it.',
      'TARGET:path lies below the home of the user there. "*", "?" and "[…]" on a device are matched here.',
      'Modes and times are kept, owners are not. A link that is named is followed, at both sides; one that',
      'stands where a file of a directory goes is replaced. Whoever looks at a destination finds the old',
      'file or the new one, whole.',
    ],
    load: () => import('../commands/cp.ts'),
  },
  {
    path: 'sessions ls',
    summary: 'live sessions: your own, or everybody’s for administrators and auditors',
    flags: [
      { name: 'all', short: 'a', summary: 'ended ones too' },
      { name: 'identity', value: 'NAME', summary: 'only of this identity', completes: 'identity' },
      { name: 'device', value: 'NAME', summary: 'only on this device', completes: 'device' },
      { name: 'vendor', value: 'FIRM', summary: 'only of whoever comes from this firm' },
      { name: 'limit', value: 'N', summary: 'at most this many' },
    ],
    examples: ['sallyport sessions ls', 'sallyport sessions ls --all --device pump-7 --json'],
    load: () => import('../commands/sessions/ls.ts'),
  },
  {
    path: 'sessions show',
    summary: 'one session: who, where, allowed by what, how it ended',
    args: [session],
    examples: ['sallyport sessions show ses_…'],
    load: () => import('../commands/sessions/show.ts'),
  },
  {
    path: 'sessions end',
    summary: 'end a session now',
    args: [session],
    flags: [{ name: 'reason', value: 'TEXT', summary: 'why; it goes into the log' }],
    examples: ['sallyport sessions end ses_… --reason "wrong device"'],
    load: () => import('../commands/sessions/end.ts'),
  },
  {
    path: 'doctor',
    summary: 'check this machine, the sign-in and the way to the broker',
    examples: ['sallyport doctor'],
    load: () => import('../commands/doctor.ts'),
  },
  {
    path: 'completion',
    summary: 'print the completion script of a shell',
    args: [{ name: 'shell', completes: ['bash', 'zsh', 'fish'] }],
    examples: ['source <(sallyport completion bash)', 'sallyport completion fish | source'],
    load: () => import('../commands/completion.ts'),
  },
  {
    path: 'version',
    summary: 'the versions of Sallyport, its wire and Node',
    examples: ['sallyport version --json'],
    load: () => import('../commands/version.ts'),
  },
];
