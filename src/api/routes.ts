// Every /v1 route: who may call it, what goes in, what comes out. The authority registers exactly these
// (a route without a handler does not start); the OpenAPI document is made from them; the CLI takes its
// types from them. `who`: public = no client certificate; otherwise the SPIFFE kinds that may come in.
// `role`: the role a person needs besides; any = signed in is enough (the use-case narrows further).

import { z } from 'zod';
import type { PeerKind, Role } from '../core/identity.ts';
import { limits } from '../core/limits.ts';
import * as audit from './audit.ts';
import * as enrollments from './enrollments.ts';
import * as nouns from './nouns.ts';
import * as policy from './policy.ts';
import { done, pageOf, pageQuery } from './problem.ts';
import * as services from './services.ts';
import * as sessions from './sessions.ts';

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly summary: string;
  readonly who: 'public' | readonly PeerKind[];
  readonly role?: Role | 'any';
  /** It answers late on purpose: the caller hears so at once (status 102), and a stop does not wait for it. */
  readonly isSlow?: true;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly response: z.ZodType;
}

const operators = ['human', 'machine', 'ai_agent'] as const satisfies readonly PeerKind[];
const devices = ['device'] as const satisfies readonly PeerKind[];
const byId = z.object({ id: z.string().max(128) });

export const routes = {
  health: {
    method: 'GET',
    path: '/v1/health',
    summary: 'Is the broker up',
    who: 'public',
    response: z.object({ status: z.literal('ok'), broker: z.string(), version: z.string() }),
  },
  trust: {
    method: 'GET',
    path: '/v1/trust',
    summary: 'Root certificate and versions',
    who: 'public',
    response: enrollments.trust,
  },
  idle: {
    method: 'GET',
    path: '/v1/idle',
    summary: 'Answers after that much silence: how long an idle connection survives',
    who: 'public',
    isSlow: true,
    query: z.object({ forMs: z.coerce.number().int().min(1).max(limits.idleProbeMaxMs) }),
    response: z.object({ heldMs: z.number().int() }),
  },
  redeem: {
    method: 'POST',
    path: '/v1/enrollments/redeem',
    summary: 'Redeem a one-time token',
    who: 'public',
    body: enrollments.redeemBody,
    response: enrollments.redeemed,
  },

  deviceRenew: {
    method: 'POST',
    path: '/v1/device/credentials/renew',
    summary: 'Renew a device certificate',
    who: devices,
    body: enrollments.renewBody,
    response: enrollments.renewed,
  },
  deviceRecover: {
    method: 'POST',
    path: '/v1/device/credentials/recover',
    summary: 'Renew a device certificate that has ended, by proof of the key alone',
    who: 'public',
    body: enrollments.renewBody,
    response: enrollments.renewed,
  },
  deviceReceipt: {
    method: 'POST',
    path: '/v1/device/receipts',
    summary: 'Deliver a teardown receipt',
    who: devices,
    body: enrollments.receiptBody,
    response: done,
  },

  whoami: {
    method: 'GET',
    path: '/v1/whoami',
    summary: 'Who this certificate is',
    who: operators,
    role: 'any',
    response: enrollments.whoami,
  },
  signInRenew: {
    method: 'POST',
    path: '/v1/sign-in/renew',
    summary: 'Renew the sign-in certificate',
    who: operators,
    role: 'any',
    body: enrollments.signInRenewBody,
    response: enrollments.signInRenewed,
  },
  signOut: {
    method: 'POST',
    path: '/v1/sign-in/end',
    summary: 'End this sign-in',
    who: operators,
    role: 'any',
    response: done,
  },

  openSession: {
    method: 'POST',
    path: '/v1/sessions',
    summary: 'Open a session',
    who: operators,
    role: 'any',
    body: sessions.openSessionBody,
    response: sessions.sessionOpened,
  },
  awaitDevice: {
    method: 'POST',
    path: '/v1/sessions/wait',
    summary: 'Answers when the device of a target is online, or after that time',
    who: operators,
    role: 'any',
    isSlow: true,
    body: sessions.awaitDeviceBody,
    response: z.object({ online: z.boolean() }),
  },
  listSessions: {
    method: 'GET',
    path: '/v1/sessions',
    summary: 'Sessions: all for administrators, own ones otherwise',
    who: operators,
    role: 'any',
    query: sessions.sessionQuery,
    response: pageOf(sessions.sessionView),
  },
  showSession: {
    method: 'GET',
    path: '/v1/sessions/:id',
    summary: 'One session',
    who: operators,
    role: 'any',
    params: byId,
    response: sessions.sessionView,
  },
  endSession: {
    method: 'POST',
    path: '/v1/sessions/:id/end',
    summary: 'End a session: an administrator, or the one who opened it',
    who: operators,
    role: 'any',
    params: byId,
    body: sessions.endSessionBody,
    response: sessions.sessionView,
  },

  listDevices: {
    method: 'GET',
    path: '/v1/devices',
    summary: 'Devices the caller may discover',
    who: operators,
    role: 'any',
    query: nouns.deviceQuery,
    response: pageOf(nouns.deviceView),
  },
  showDevice: {
    method: 'GET',
    path: '/v1/devices/:id',
    summary: 'One device, by id or name',
    who: operators,
    role: 'any',
    params: byId,
    response: nouns.deviceView,
  },
  acceptDevice: {
    method: 'POST',
    path: '/v1/devices/:id/accept',
    summary: 'Accept a device that is held: pending, or in quarantine',
    who: operators,
    role: 'administrator',
    params: byId,
    response: nouns.deviceView,
  },
  removeDevice: {
    method: 'DELETE',
    path: '/v1/devices/:id',
    summary: 'Remove a device for good',
    who: operators,
    role: 'administrator',
    params: byId,
    response: done,
  },
  inviteDevice: {
    method: 'POST',
    path: '/v1/devices/invitations',
    summary: 'One-time token for a device',
    who: operators,
    role: 'administrator',
    body: enrollments.inviteDeviceBody,
    response: enrollments.invited,
  },

  replaceDevice: {
    method: 'POST',
    path: '/v1/devices/:id/replace',
    summary: 'One-time token for another board that goes on as this device',
    who: operators,
    role: 'administrator',
    params: byId,
    body: enrollments.replaceDeviceBody,
    response: enrollments.invited,
  },

  listEnrollments: {
    method: 'GET',
    path: '/v1/enrollments',
    summary: 'Invites that may still be used',
    who: operators,
    role: 'administrator',
    query: pageQuery,
    response: pageOf(enrollments.enrollmentView),
  },
  revokeEnrollment: {
    method: 'DELETE',
    path: '/v1/enrollments/:id',
    summary: 'An invite is worth nothing from now on',
    who: operators,
    role: 'administrator',
    params: byId,
    response: done,
  },

  listServices: {
    method: 'GET',
    path: '/v1/services',
    summary: 'Services the caller may discover',
    who: operators,
    role: 'any',
    query: services.serviceQuery,
    response: pageOf(services.serviceView),
  },
  addService: {
    method: 'POST',
    path: '/v1/services',
    summary: 'Add a service to a device, or review one',
    who: operators,
    role: 'administrator',
    body: services.serviceBody,
    response: services.serviceView,
  },
  removeService: {
    method: 'DELETE',
    path: '/v1/services/:id',
    summary: 'Remove a service, by id or DEVICE/SERVICE; its sessions end',
    who: operators,
    role: 'administrator',
    params: byId,
    response: done,
  },

  listIdentities: {
    method: 'GET',
    path: '/v1/identities',
    summary: 'Identities',
    who: operators,
    role: 'administrator',
    query: pageQuery,
    response: pageOf(nouns.identityView),
  },
  showIdentity: {
    method: 'GET',
    path: '/v1/identities/:id',
    summary: 'One identity, by id or name',
    who: operators,
    role: 'administrator',
    params: byId,
    response: nouns.identityView,
  },
  removeIdentity: {
    method: 'DELETE',
    path: '/v1/identities/:id',
    summary: 'Remove an identity; its sessions end',
    who: operators,
    role: 'administrator',
    params: byId,
    query: nouns.offboardingQuery,
    response: done,
  },
  invitePerson: {
    method: 'POST',
    path: '/v1/identities/invitations',
    summary: 'One-time invite for a person',
    who: operators,
    role: 'administrator',
    body: enrollments.invitePersonBody,
    response: enrollments.invited,
  },
  grantRole: {
    method: 'POST',
    path: '/v1/roles/grant',
    summary: 'Grant a role',
    who: operators,
    role: 'administrator',
    body: nouns.roleBody,
    response: nouns.identityView,
  },
  revokeRole: {
    method: 'POST',
    path: '/v1/roles/revoke',
    summary: 'Revoke a role; sessions it allowed end',
    who: operators,
    role: 'administrator',
    body: nouns.roleBody,
    response: nouns.identityView,
  },
  kill: {
    method: 'POST',
    path: '/v1/identities/kill',
    summary: 'Lock an identity and cut all it has',
    who: operators,
    role: 'administrator',
    body: nouns.killBody,
    response: nouns.killed,
  },

  listLocks: {
    method: 'GET',
    path: '/v1/locks',
    summary: 'Standing locks',
    who: operators,
    role: 'administrator',
    query: pageQuery,
    response: pageOf(nouns.lockView),
  },
  addLock: {
    method: 'POST',
    path: '/v1/locks',
    summary: 'Place a lock; what it matches is cut',
    who: operators,
    role: 'administrator',
    body: nouns.lockBody,
    response: nouns.locked,
  },
  removeLock: {
    method: 'DELETE',
    path: '/v1/locks/:id',
    summary: 'Lift a lock',
    who: operators,
    role: 'administrator',
    params: byId,
    response: done,
  },

  checkPolicy: {
    method: 'POST',
    path: '/v1/policies/check',
    summary: 'Check policy files',
    who: operators,
    role: 'any',
    body: policy.policyBody,
    response: policy.policyChecked,
  },
  testPolicy: {
    method: 'POST',
    path: '/v1/policies/test',
    summary: 'Run test cases',
    who: operators,
    role: 'any',
    body: policy.testBody,
    response: policy.testResult,
  },
  applyPolicy: {
    method: 'POST',
    path: '/v1/policies',
    summary: 'Apply a new revision',
    who: operators,
    role: 'administrator',
    body: policy.applyBody,
    response: policy.revisionView,
  },
  listPolicies: {
    method: 'GET',
    path: '/v1/policies',
    summary: 'Revisions, newest first',
    who: operators,
    role: 'administrator',
    query: pageQuery,
    response: pageOf(policy.revisionView),
  },
  showPolicy: {
    method: 'GET',
    path: '/v1/policies/:id',
    summary: 'One revision: an id, a number, or "current"',
    who: operators,
    role: 'administrator',
    params: byId,
    response: policy.revisionFull,
  },
  explainPolicy: {
    method: 'GET',
    path: '/v1/policies/explain',
    summary: 'Why yes or no',
    who: operators,
    role: 'administrator',
    query: policy.explainQuery,
    response: policy.explained,
  },
  whoCan: {
    method: 'GET',
    path: '/v1/policies/who-can',
    summary: 'Who can do what on a target',
    who: operators,
    role: 'administrator',
    query: policy.whoCanQuery,
    response: policy.whoCan,
  },
  could: {
    method: 'GET',
    path: '/v1/policies/could',
    summary: 'What one identity could do on a target',
    who: operators,
    role: 'administrator',
    query: policy.couldQuery,
    response: policy.could,
  },

  listEvents: {
    method: 'GET',
    path: '/v1/audit/events',
    summary: 'Audit events',
    who: operators,
    role: 'administrator',
    query: audit.eventQuery,
    response: audit.eventPage,
  },
  showEvent: {
    method: 'GET',
    path: '/v1/audit/events/:id',
    summary: 'One audit event',
    who: operators,
    role: 'administrator',
    params: byId,
    response: audit.eventView,
  },
  listLeaves: {
    method: 'GET',
    path: '/v1/audit/leaves',
    summary: 'Log leaves for verification',
    who: operators,
    role: 'administrator',
    query: audit.leafQuery,
    response: audit.leafPage,
  },
  logHead: {
    method: 'GET',
    path: '/v1/audit/head',
    summary: 'Size and end of the chain',
    who: operators,
    role: 'administrator',
    response: audit.logHead,
  },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;
