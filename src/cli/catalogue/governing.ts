// Governing: what stops somebody now, the rules, the record.

import { roles } from '../../core/identity.ts';
import type { ArgumentSpec, CommandSpec, FlagSpec } from './spec.ts';

const target: ArgumentSpec = { name: 'target', completes: 'target' };
const identity: ArgumentSpec = { name: 'identity', completes: 'identity' };
const sources: ArgumentSpec = { name: 'files', many: true, completes: 'file' };

/** How the audit commands narrow what they list. */
const eventFilters: readonly FlagSpec[] = [
  { name: 'type', value: 'TYPE', many: true, summary: 'only this type of event, as "session.ended"' },
  { name: 'identity', value: 'NAME', summary: 'only about this identity', completes: 'identity' },
  { name: 'device', value: 'NAME', summary: 'only about this device', completes: 'device' },
  { name: 'session', value: 'ID', summary: 'only about this session', completes: 'session' },
];

export const governing: readonly CommandSpec[] = [
  {
    path: 'lock add',
    summary: 'place a lock: what it matches is cut now, and nothing opens until it is lifted',
    flags: [
      { name: 'identity', value: 'NAME', summary: 'lock this identity', completes: 'identity' },
      { name: 'device', value: 'NAME', summary: 'lock this device', completes: 'device' },
      { name: 'service', value: 'ID', summary: 'lock this service' },
      { name: 'session', value: 'ID', summary: 'lock this session', completes: 'session' },
      {
        name: 'credential',
        value: 'KEY',
        summary: 'lock this key of somebody, as "identities show" lists it',
      },
      { name: 'role', value: 'ROLE', summary: 'lock everybody who has this role', completes: roles },
      { name: 'vendor', value: 'FIRM', summary: 'lock everybody from this firm' },
      { name: 'ticket', value: 'ID', summary: 'lock every session that names this ticket' },
      { name: 'tenant', value: 'NAME', summary: 'lock everybody and every device of this tenant' },
      { name: 'reason', value: 'TEXT', required: true, summary: 'why; those who are cut read it' },
      { name: 'for', value: 'DURATION', summary: 'lift it by itself after this time' },
    ],
    examples: [
      'sallyport lock add --device pump-7 --reason "stolen"',
      'sallyport lock add --ticket CHG-4711 --reason "the change was called off" --for 8h',
    ],
    load: () => import('../commands/lock/add.ts'),
  },
  {
    path: 'locks ls',
    summary: 'standing locks',
    examples: ['sallyport locks ls'],
    load: () => import('../commands/locks/ls.ts'),
  },
  {
    path: 'unlock',
    summary: 'lift a lock',
    args: [{ name: 'lock', completes: 'lock' }],
    examples: ['sallyport unlock lck_…'],
    load: () => import('../commands/unlock.ts'),
  },
  {
    path: 'kill',
    summary: 'lock an identity and cut all that it has',
    flags: [
      { name: 'identity', value: 'NAME', required: true, summary: 'whom', completes: 'identity' },
      { name: 'reason', value: 'TEXT', required: true, summary: 'why; it goes into the log' },
    ],
    examples: ['sallyport kill --identity ana --reason "laptop stolen"'],
    load: () => import('../commands/kill.ts'),
  },
  {
    path: 'policy show',
    summary: 'the policy in force, or an older revision',
    args: [{ name: 'revision', optional: true }],
    examples: ['sallyport policy show', 'sallyport policy show 3'],
    load: () => import('../commands/policy/show.ts'),
  },
  {
    path: 'policy check',
    summary: 'check policy files without applying them',
    args: [sources],
    examples: ['sallyport policy check policies/'],
    load: () => import('../commands/policy/check.ts'),
  },
  {
    path: 'policy test',
    summary: 'run test cases against policy files, or against the policy in force',
    args: [{ name: 'cases', completes: 'file' }],
    flags: [
      { name: 'files', value: 'PATH', many: true, summary: 'policy files or folders', completes: 'file' },
    ],
    examples: ['sallyport policy test cases.yaml --files policies/'],
    load: () => import('../commands/policy/test.ts'),
  },
  {
    path: 'policy apply',
    summary: 'put policy files in force as the next revision',
    args: [sources],
    flags: [
      { name: 'message', short: 'm', value: 'TEXT', summary: 'what this changes; kept with the revision' },
      { name: 'expect', value: 'N', summary: 'refuse unless revision N is in force' },
    ],
    examples: ['sallyport policy apply policies/ -m "night shift may restart pumps"'],
    load: () => import('../commands/policy/apply.ts'),
  },
  {
    path: 'policy history',
    summary: 'revisions, newest first',
    examples: ['sallyport policy history'],
    load: () => import('../commands/policy/history.ts'),
  },
  {
    path: 'policy explain',
    summary: 'why one identity may or may not do something on a target',
    args: [identity, { name: 'action' }, { ...target, optional: true }],
    flags: [
      { name: 'command', value: 'TEXT', summary: 'for exec: the command that is asked for' },
      {
        name: 'request',
        value: 'ID',
        summary: 'with the approvals that this request has now',
        completes: 'request',
      },
    ],
    examples: ['sallyport policy explain ana shell pump-7', 'sallyport policy explain ana administerDevices'],
    notes: ['without a target: what somebody may do with the broker itself (docs/policy.md)'],
    load: () => import('../commands/policy/explain.ts'),
  },
  {
    path: 'policy who-can',
    summary: 'who can do what on a target',
    args: [target],
    flags: [{ name: 'action', value: 'ACTION', summary: 'only this action, as "shell"' }],
    examples: ['sallyport policy who-can pump-7 --action shell'],
    load: () => import('../commands/policy/who-can.ts'),
  },
  {
    path: 'policy could',
    summary: 'what one identity could do on a target',
    args: [identity, target],
    examples: ['sallyport policy could ana pump-7'],
    load: () => import('../commands/policy/could.ts'),
  },
  {
    path: 'audit tail',
    summary: 'the newest audit events',
    flags: [
      { name: 'follow', short: 'f', summary: 'go on showing new ones until Ctrl-C' },
      { name: 'lines', short: 'n', value: 'N', summary: 'how many to begin with (default 20)' },
      ...eventFilters,
    ],
    examples: ['sallyport audit tail -f', 'sallyport audit tail -f --json --type session.ended'],
    load: () => import('../commands/audit/tail.ts'),
  },
  {
    path: 'audit search',
    summary: 'audit events, oldest first',
    flags: [
      ...eventFilters,
      { name: 'from', value: 'TIME', summary: 'not before this time, RFC 3339 or a duration ago, as "8h"' },
      { name: 'until', value: 'TIME', summary: 'not after this time, likewise' },
      { name: 'limit', value: 'N', summary: 'at most this many (default 100)' },
      { name: 'all-tenants', summary: 'of every tenant, where the broker is yours' },
    ],
    examples: [
      'sallyport audit search --identity ana --from 8h',
      'sallyport audit search --session ses_… --json',
    ],
    load: () => import('../commands/audit/search.ts'),
  },
  {
    path: 'audit show',
    summary: 'one audit event with all that it says',
    args: [{ name: 'event' }],
    examples: ['sallyport audit show evt_…'],
    load: () => import('../commands/audit/show.ts'),
  },
  {
    path: 'audit verify',
    summary: 'download the log and check its hash chain here, on this machine',
    examples: ['sallyport audit verify'],
    load: () => import('../commands/audit/verify.ts'),
  },
];
