// Routes of access that others approve, of the tickets and windows that it stands on, and of machines.

import { identityView } from './nouns.ts';
import { done, pageOf, pageQuery } from './problem.ts';
import * as requests from './requests.ts';
import { byId, operators, type Route } from './route.ts';
import * as tickets from './tickets.ts';
import * as windows from './windows.ts';
import * as workloads from './workloads.ts';

export const accessRoutes = {
  workloadSignIn: {
    method: 'POST',
    path: '/v1/workloads/sign-in',
    summary: 'A machine signs in by what proves what it is',
    who: 'public',
    body: workloads.workloadSignInBody,
    response: workloads.workloadSignedIn,
  },
  addMachine: {
    method: 'POST',
    path: '/v1/workloads',
    summary: 'Make a machine or an AI agent known',
    who: operators,
    right: 'administerIdentities',
    body: workloads.machineBody,
    response: identityView,
  },

  fileRequest: {
    method: 'POST',
    path: '/v1/requests',
    summary: 'Ask for access that needs approvals',
    who: operators,
    role: 'any',
    body: requests.requestBody,
    response: requests.requestFiled,
  },
  listRequests: {
    method: 'GET',
    path: '/v1/requests',
    summary: 'Requests the caller may see',
    who: operators,
    role: 'any',
    browser: 'too',
    query: requests.requestQuery,
    response: pageOf(requests.requestView),
  },
  showRequest: {
    method: 'GET',
    path: '/v1/requests/:id',
    summary: 'One request',
    who: operators,
    role: 'any',
    browser: 'too',
    params: byId,
    response: requests.requestView,
  },
  approveRequest: {
    method: 'POST',
    path: '/v1/requests/:id/approve',
    summary: 'Approve exactly this request, signed',
    who: operators,
    role: 'any',
    browser: 'too',
    params: byId,
    body: requests.approveBody,
    response: requests.requestView,
  },
  denyRequest: {
    method: 'POST',
    path: '/v1/requests/:id/deny',
    summary: 'Deny a request, or take the own approval back; what stands on it is cut',
    who: operators,
    role: 'any',
    browser: 'too',
    params: byId,
    body: requests.denyBody,
    response: requests.requestView,
  },
  cancelRequest: {
    method: 'POST',
    path: '/v1/requests/:id/cancel',
    summary: 'Take the own request back',
    who: operators,
    role: 'any',
    browser: 'too',
    params: byId,
    response: requests.requestView,
  },

  ticketMessage: {
    method: 'POST',
    path: '/v1/tickets/messages/:source',
    summary: 'A ticket system tells of a ticket, signed',
    who: 'public',
    isRaw: true,
    params: tickets.bySource,
    body: tickets.ticketMessage,
    response: done,
  },
  listTickets: {
    method: 'GET',
    path: '/v1/tickets',
    summary: 'Tickets that were told of',
    who: operators,
    right: 'inspect',
    query: pageQuery,
    response: pageOf(tickets.ticketView),
  },

  listWindows: {
    method: 'GET',
    path: '/v1/windows',
    summary: 'Maintenance windows',
    who: operators,
    role: 'any',
    browser: 'too',
    query: pageQuery,
    response: pageOf(windows.windowView),
  },
  addWindow: {
    method: 'POST',
    path: '/v1/windows',
    summary: 'Add a maintenance window',
    who: operators,
    right: 'administerDevices',
    body: windows.windowBody,
    response: windows.windowView,
  },
  removeWindow: {
    method: 'DELETE',
    path: '/v1/windows/:id',
    summary: 'Remove a maintenance window, by id or name; sessions that stand on it end',
    who: operators,
    right: 'administerDevices',
    params: byId,
    response: done,
  },
} as const satisfies Record<string, Route>;
