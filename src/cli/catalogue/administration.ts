// Administration: who and what is here.

import { roles } from '../../core/identity.ts';
import type { ArgumentSpec, CommandSpec, FlagSpec } from './spec.ts';

const device: ArgumentSpec = { name: 'device', completes: 'device' };
const identity: ArgumentSpec = { name: 'identity', completes: 'identity' };
/** Whoever comes from a vendor has that role by his invite alone. */
const houseRoles = roles.filter((one) => one !== 'vendor');
const role: ArgumentSpec = { name: 'role', completes: houseRoles };
const yes: FlagSpec = { name: 'yes', short: 'y', summary: 'do not ask' };
const tokenLife: FlagSpec = {
  name: 'for',
  value: 'DURATION',
  summary: 'how long the token is good, at most 1h',
};

export const administration: readonly CommandSpec[] = [
  {
    path: 'devices ls',
    summary: 'devices that you may know of',
    flags: [
      { name: 'where', value: 'LABEL', many: true, summary: 'only with this label, as "site=lyon"' },
      { name: 'pending', summary: 'only those that wait to be accepted' },
      { name: 'offline', summary: 'only those that have no link' },
      { name: 'limit', value: 'N', summary: 'at most this many' },
    ],
    examples: ['sallyport devices ls', 'sallyport devices ls --where site=lyon --json'],
    load: () => import('../commands/devices/ls.ts'),
  },
  {
    path: 'devices show',
    summary: 'one device',
    args: [device],
    examples: ['sallyport devices show pump-7'],
    load: () => import('../commands/devices/show.ts'),
  },
  {
    path: 'devices invite',
    summary: 'make a token and the line to paste on the device, or on many',
    args: [{ name: 'device', optional: true }],
    flags: [
      { name: 'count', value: 'N', summary: 'for up to N devices, each pending until accepted' },
      {
        name: 'name',
        value: 'PATTERN',
        summary: 'with --count: their names, as "pump-{n}" or "pump-{n:03}"',
      },
      {
        name: 'accept',
        value: 'NETWORK',
        many: true,
        summary: 'with --count: accept at once who joins from there, as "192.0.2.0/24", or "all"',
      },
      { name: 'owner', value: 'NAME', summary: 'who answers for it (default: you)', completes: 'identity' },
      { name: 'purpose', value: 'TEXT', summary: 'what it is there for' },
      { name: 'label', value: 'LABEL', many: true, summary: 'a label, as "site=lyon"' },
      { name: 'for', value: 'DURATION', summary: 'how long the token is good: at most 1h, for many 30d' },
    ],
    examples: [
      'sallyport devices invite pump-7 --owner ana --label site=lyon',
      "sallyport devices invite --count 300 --name 'pump-{n}' --label site=lyon --for 7d",
    ],
    load: () => import('../commands/devices/invite.ts'),
  },
  {
    path: 'devices accept',
    summary: 'accept a device that is pending or in quarantine',
    args: [{ ...device, optional: true }],
    flags: [
      { name: 'pending', summary: 'all that are pending' },
      { name: 'where', value: 'LABEL', many: true, summary: 'of those, only with this label' },
      yes,
    ],
    examples: ['sallyport devices accept pump-7', 'sallyport devices accept --pending --where site=lyon'],
    load: () => import('../commands/devices/accept.ts'),
  },
  {
    path: 'devices replace',
    summary: 'make a one-time token for another board, which goes on as this device',
    args: [device],
    flags: [
      { name: 'now', summary: 'the old key is dead at once, and not only when the new board has joined' },
      tokenLife,
      yes,
    ],
    examples: ['sallyport devices replace pump-7', 'sallyport devices replace pump-7 --now'],
    load: () => import('../commands/devices/replace.ts'),
  },
  {
    path: 'enrollments ls',
    summary: 'tokens that may still be used, of devices and people',
    examples: ['sallyport enrollments ls'],
    load: () => import('../commands/enrollments/ls.ts'),
  },
  {
    path: 'enrollments revoke',
    summary: 'a token is worth nothing from now on',
    args: [{ name: 'enrollment' }],
    examples: ['sallyport enrollments revoke enr_…'],
    load: () => import('../commands/enrollments/revoke.ts'),
  },
  {
    path: 'devices remove',
    summary: 'remove a device for good; its sessions end',
    args: [device],
    flags: [yes],
    examples: ['sallyport devices remove pump-7'],
    load: () => import('../commands/devices/remove.ts'),
  },
  {
    path: 'inventory',
    summary: 'everything there is, and what is connected at this moment; --json has it whole',
    examples: ['sallyport inventory', 'sallyport inventory --json > inventory.json'],
    load: () => import('../commands/inventory.ts'),
  },
  {
    path: 'windows ls',
    summary: 'maintenance windows, and when they open',
    examples: ['sallyport windows ls'],
    load: () => import('../commands/windows/ls.ts'),
  },
  {
    path: 'tickets ls',
    summary: 'tickets that ticket systems told of, and whether they count',
    examples: ['sallyport tickets ls'],
    notes: ['which systems may tell is in tickets.yaml of the data directory: docs/tickets.md'],
    load: () => import('../commands/tickets/ls.ts'),
  },
  {
    path: 'windows add',
    summary: 'add a maintenance window, which policies may ask for',
    args: [{ name: 'name' }],
    flags: [
      {
        name: 'rule',
        value: 'RULE',
        required: true,
        summary: 'when it opens: DTSTART and RRULE of iCalendar',
      },
      { name: 'for', value: 'DURATION', required: true, summary: 'how long it lasts from each start' },
      { name: 'device', value: 'NAME', summary: 'only on this device', completes: 'device' },
      { name: 'where', value: 'LABEL', summary: 'only on devices with this label, as "site=lyon"' },
    ],
    examples: [
      'sallyport windows add monday-night --where site=lyon --for 4h --rule "DTSTART;TZID=Europe/Paris:20260105T220000 RRULE:FREQ=WEEKLY;BYDAY=MO"',
      'sallyport windows add valve-swap --device pump-7 --for 2h --rule "DTSTART:20261130T210000Z"',
    ],
    notes: ['a session that a policy allows for a window ends with it: docs/windows.md'],
    load: () => import('../commands/windows/add.ts'),
  },
  {
    path: 'windows remove',
    summary: 'remove a maintenance window; sessions that stand on it end',
    args: [{ name: 'name' }],
    flags: [yes],
    examples: ['sallyport windows remove valve-swap'],
    load: () => import('../commands/windows/remove.ts'),
  },
  {
    path: 'services ls',
    summary: 'services that devices offer',
    flags: [
      { name: 'device', value: 'NAME', summary: 'only those of this device', completes: 'device' },
      { name: 'limit', value: 'N', summary: 'at most this many' },
    ],
    examples: ['sallyport services ls --device pump-7'],
    load: () => import('../commands/services/ls.ts'),
  },
  {
    path: 'services add',
    summary: 'add a service to a device, or review one that is there',
    args: [{ name: 'service', completes: 'target' }],
    flags: [
      { name: 'tcp', value: 'HOST:PORT', required: true, summary: 'where the device reaches it' },
      { name: 'owner', value: 'NAME', required: true, summary: 'who answers for it', completes: 'identity' },
      {
        name: 'class',
        value: 'CLASS',
        required: true,
        summary: 'workload, secret or admin',
        completes: ['workload', 'secret', 'admin'],
      },
      {
        name: 'review',
        value: 'DAY',
        required: true,
        summary: 'it is refused after this day, until reviewed again',
      },
      { name: 'purpose', value: 'TEXT', summary: 'what it is for' },
    ],
    examples: [
      'sallyport services add pump-7/db --tcp 127.0.0.1:5432 --owner ana --class admin --review 2027-05-01',
    ],
    load: () => import('../commands/services/add.ts'),
  },
  {
    path: 'services remove',
    summary: 'remove a service; its sessions end',
    args: [{ name: 'service', completes: 'target' }],
    flags: [yes],
    examples: ['sallyport services remove pump-7/db'],
    load: () => import('../commands/services/remove.ts'),
  },
  {
    path: 'identities ls',
    summary: 'identities, and what should be looked at: near its end, unused, nobody answers for it',
    flags: [
      { name: 'vendor', value: 'FIRM', summary: 'only those from this firm' },
      { name: 'findings', summary: 'only those with something to look at' },
      { name: 'limit', value: 'N', summary: 'at most this many' },
    ],
    examples: ['sallyport identities ls', 'sallyport identities ls --findings'],
    load: () => import('../commands/identities/ls.ts'),
  },
  {
    path: 'identities show',
    summary: 'one identity',
    args: [identity],
    examples: ['sallyport identities show ana'],
    load: () => import('../commands/identities/show.ts'),
  },
  {
    path: 'identities add',
    summary: 'invite a person, or make a machine or an AI agent known',
    args: [{ name: 'name' }],
    flags: [
      { name: 'role', value: 'ROLE', many: true, summary: houseRoles.join(', '), completes: houseRoles },
      {
        name: 'for',
        value: 'DURATION',
        summary:
          'a person: how long the invite is good, at most 1h; a machine, or with --vendor: how long he is known',
      },
      {
        name: 'kind',
        value: 'KIND',
        summary: 'human (default), machine, ai_agent',
        completes: ['human', 'machine', 'ai_agent'],
      },
      { name: 'owner', value: 'NAME', summary: 'a machine: who answers for it', completes: 'identity' },
      { name: 'purpose', value: 'TEXT', summary: 'a machine, or with --vendor: what for' },
      {
        name: 'vendor',
        value: 'FIRM',
        summary: 'the firm that he, or it, comes from; the role is then vendor',
      },
      {
        name: 'sponsor',
        value: 'NAME',
        summary: 'with --vendor: who answers for him',
        completes: 'identity',
      },
      { name: 'key', value: 'FILE', summary: 'a machine: its public key, PEM', completes: 'file' },
      { name: 'spiffe-id', value: 'ID', summary: 'a machine: of its X.509-SVID' },
      {
        name: 'bundle',
        value: 'FILE',
        summary: 'with --spiffe-id: its trust bundle, PEM',
        completes: 'file',
      },
      { name: 'issuer', value: 'URL', summary: 'a machine: whose tokens prove what it is' },
      { name: 'audience', value: 'TEXT', summary: 'for whom these tokens are (default: the trust domain)' },
      { name: 'claim', value: 'NAME=VALUE', many: true, summary: 'what these tokens have to say, exactly' },
    ],
    examples: [
      'sallyport identities add ana --role operator',
      'sallyport identities add jo-acme --vendor acme --sponsor ana --purpose "pump firmware" --for 8h',
      'sallyport identities add ci-deploy --kind machine --owner ana --purpose deploys --for 90d --issuer https://token.actions.githubusercontent.com --claim repository=org/app --claim ref=refs/heads/main',
      'sallyport identities add backup --kind machine --owner ana --purpose "nightly copies" --for 90d --key backup.pub',
    ],
    load: () => import('../commands/identities/add.ts'),
  },
  {
    path: 'identities remove',
    summary: 'remove an identity; its sessions end',
    args: [identity],
    flags: [
      {
        name: 'new-owner',
        value: 'NAME',
        summary: 'who answers for its devices and services now',
        completes: 'identity',
      },
      { name: 'lock-owned', summary: 'lock its devices and services instead' },
      yes,
    ],
    examples: ['sallyport identities remove ana', 'sallyport identities remove ana --new-owner bob'],
    load: () => import('../commands/identities/remove.ts'),
  },
  {
    path: 'roles ls',
    summary: 'who has which role',
    examples: ['sallyport roles ls'],
    load: () => import('../commands/roles/ls.ts'),
  },
  {
    path: 'roles grant',
    summary: 'grant a role',
    args: [identity, role],
    examples: ['sallyport roles grant ana administrator'],
    load: () => import('../commands/roles/grant.ts'),
  },
  {
    path: 'tenants ls',
    summary: 'who else has a part of this broker for himself',
    examples: ['sallyport tenants ls'],
    load: () => import('../commands/tenants/ls.ts'),
  },
  {
    path: 'tenants add',
    summary: 'give somebody a part of this broker for himself, and invite his first administrator',
    args: [{ name: 'name' }],
    flags: [
      { name: 'admin', value: 'NAME', summary: 'what the administrator is called there (default "admin")' },
    ],
    examples: ['sallyport tenants add acme --admin bo'],
    notes: [
      'what is in one tenant does not exist for the others, nor for you: docs/tenants.md',
      'as long as nobody has signed in there, the same command makes a new invite',
    ],
    load: () => import('../commands/tenants/add.ts'),
  },
  {
    path: 'roles revoke',
    summary: 'revoke a role; sessions that it allowed end',
    args: [identity, role],
    examples: ['sallyport roles revoke ana administrator'],
    load: () => import('../commands/roles/revoke.ts'),
  },
];
