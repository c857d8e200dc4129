// Routes of approver sets, of the keys that stand in them, and of the devices that pin them.

import * as approvers from './approvers.ts';
import { pageOf, pageQuery } from './problem.ts';
import { byId, devices, operators, type Route } from './route.ts';

export const approverRoutes = {
  listApproverSets: {
    method: 'GET',
    path: '/v1/approver-sets',
    summary: 'Approver sets, for administrators and the persons in them',
    who: operators,
    role: 'any',
    browser: 'too',
    query: pageQuery,
    response: pageOf(approvers.approverSetView),
  },
  makeApproverSet: {
    method: 'POST',
    path: '/v1/approver-sets',
    summary: 'Make the next approver set',
    who: operators,
    right: 'administerBroker',
    body: approvers.approverSetBody,
    response: approvers.approverSetView,
  },
  showApproverSet: {
    method: 'GET',
    path: '/v1/approver-sets/:version',
    summary: 'One approver set, as a device pins it',
    who: operators,
    role: 'any',
    params: approvers.byVersion,
    response: approvers.approverSetFile,
  },
  signApproverSet: {
    method: 'POST',
    path: '/v1/approver-sets/:version/sign',
    summary: 'Say yes to exactly this set, as a person of the one that it follows',
    who: operators,
    role: 'any',
    browser: 'too',
    params: approvers.byVersion,
    body: approvers.signSetBody,
    response: approvers.approverSetView,
  },
  addApproverKey: {
    method: 'POST',
    path: '/v1/approver-keys',
    summary: 'Add a key to approve with, that outlives the sign-in',
    who: operators,
    role: 'any',
    body: approvers.approverKeyBody,
    response: approvers.approverKeys,
  },
  removeApproverKey: {
    method: 'DELETE',
    path: '/v1/approver-keys/:id',
    summary: 'Remove an own key to approve with',
    who: operators,
    role: 'any',
    params: byId,
    response: approvers.approverKeys,
  },
  deviceApprovers: {
    method: 'POST',
    path: '/v1/device/approvers',
    summary: 'Say how this device looks at approvals, and learn later approver sets',
    who: devices,
    body: approvers.deviceApproversBody,
    response: approvers.deviceApprovers,
  },
} as const satisfies Record<string, Route>;
