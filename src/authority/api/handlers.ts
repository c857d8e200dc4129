// One handler for each route of src/api/routes.ts: which use-case it is, and what it is given. Nothing is
// decided here. A route without its handler does not compile.

import type { JsonObject } from '../../core/json.ts';
import * as facts from '../admin/broker-facts.ts';
import { acceptDevice } from '../admin/accept-device.ts';
import { addLock } from '../admin/add-lock.ts';
import { addService } from '../admin/add-service.ts';
import { checkPolicy } from '../admin/check-policy.ts';
import { couldDo } from '../admin/could-do.ts';
import { listEnrollments, revokeEnrollment } from '../admin/enrollments.ts';
import { explainPolicy } from '../admin/explain-policy.ts';
import { requireIdentity } from '../admin/find.ts';
import { viewIdentity } from '../admin/identity-view.ts';
import { killIdentity } from '../admin/kill-identity.ts';
import { listDevices } from '../admin/list-devices.ts';
import { listEvents, showEvent } from '../admin/list-events.ts';
import { listIdentities } from '../admin/list-identities.ts';
import { listLocks } from '../admin/list-locks.ts';
import { listPolicies } from '../admin/list-policies.ts';
import { listServices } from '../admin/list-services.ts';
import { listSessions } from '../admin/list-sessions.ts';
import { listLeaves, logHead } from '../admin/read-log.ts';
import { removeDevice } from '../admin/remove-device.ts';
import { removeService } from '../admin/remove-service.ts';
import { showDevice } from '../admin/show-device.ts';
import { showPolicy } from '../admin/show-policy.ts';
import { showSession } from '../admin/show-session.ts';
import { stopSession } from '../admin/stop-session.ts';
import { testPolicy } from '../admin/test-policy.ts';
import { whoami } from '../admin/whoami.ts';
import { whoCan } from '../admin/who-can.ts';
import { addApproverKey, removeApproverKey } from '../approvers/keys.ts';
import { listApproverSets, makeApproverSet, showApproverSet, signApproverSet } from '../approvers/sets.ts';
import { tellDevice } from '../approvers/tell-device.ts';
import { approveChange, denyChange, listChanges, showChange } from '../changes/decide.ts';
import { changeKeys, changePolicy, changeRole, invite, liftLock, offboard } from '../changes/guarded.ts';
import { delegate, endDelegation, listDelegations } from '../delegations/delegate.ts';
import { showKeys } from '../break-glass/keys.ts';
import { askOnSite, reportOnSite, standsOnSite } from '../break-glass/on-site.ts';
import { openBreakGlass } from '../break-glass/open.ts';
import { listBreakGlass, reviewBreakGlass } from '../break-glass/uses.ts';
import type { AuthorityContext } from '../context.ts';
import { inviteDevice } from '../enroll/invite.ts';
import type { RecoverDoor } from '../enroll/recover-device.ts';
import type { RedeemDoor } from '../enroll/redeem.ts';
import { renewDevice } from '../enroll/renew-device.ts';
import { replaceDevice } from '../enroll/replace-device.ts';
import { renewSignIn, signOut } from '../enroll/sign-in.ts';
import type { SignInCodes } from '../passkeys/codes.ts';
import { addPasskey, beginAddPasskey, listPasskeys, removePasskey } from '../passkeys/own-passkeys.ts';
import type { LetIn, PasskeyDoor } from '../passkeys/passkey-door.ts';
import { beginRecoveryCodes, makeRecoveryCodes, recoveryCodesLeft } from '../passkeys/recovery-codes.ts';
import { beginStepUp, confirmStepUp, showStepUp, stepUpState } from '../passkeys/step-up.ts';
import { endSignIn } from '../passkeys/sign-ins.ts';
import type { ProviderDoor } from '../providers/provider-door.ts';
import { approveRequest, cancelRequest, denyRequest } from '../requests/decide-request.ts';
import { fileRequest } from '../requests/file-request.ts';
import { listRequests, showRequest } from '../requests/list-requests.ts';
import { DeviceWaits } from '../sessions/await-device.ts';
import { openSession } from '../sessions/open-session.ts';
import { receiveReceipt } from '../sessions/receive-receipt.ts';
import { listNotices } from '../notices/list-notices.ts';
import { listTickets } from '../tickets/list-tickets.ts';
import type { TicketDoor } from '../tickets/receive-webhook.ts';
import { addTenant, listTenants } from '../tenants/administer.ts';
import { workDone } from '../vendors/done.ts';
import { addWindow, listWindows, removeWindow } from '../windows/administer.ts';
import { OwnApps } from '../totp/own-app.ts';
import { addMachine } from '../workload/add-machine.ts';
import type { WorkloadDoor } from '../workload/sign-in-workload.ts';
import type { Handlers } from './calls.ts';
import { IdleProbes } from './idle-probes.ts';

/** Where strangers come in. */
export interface Doors {
  readonly redeem: RedeemDoor;
  readonly recover: RecoverDoor;
  readonly workload: WorkloadDoor;
  readonly passkey: PasskeyDoor;
  readonly codes: SignInCodes;
  readonly provider: ProviderDoor;
  readonly tickets: TicketDoor;
}

/** `ctx` is the one of the tenant whose requests these are; strangers have none, and their doors look at all. */
export function handlersFor(ctx: AuthorityContext, doors: Doors): Handlers {
  const idleProbes = new IdleProbes(ctx.clock);
  const deviceWaits = new DeviceWaits();
  const apps = new OwnApps(ctx);
  return {
    health: async () => facts.health(ctx),
    trust: async () => facts.trustFacts(ctx),
    idle: async ({ query, gone }) => await idleProbes.hold(query.forMs, gone),
    redeem: async ({ body, sourceIp }) => await doors.redeem.redeem({ ...body, sourceIp }),

    deviceRenew: async ({ caller, body, sourceIp }) =>
      await renewDevice(ctx, { device: caller.id, request: body.request, sourceIp }),
    deviceRecover: async ({ body, sourceIp }) =>
      await doors.recover.recover({ request: body.request, sourceIp }),
    deviceReceipt: async ({ caller, body }) => {
      await receiveReceipt(ctx, caller, body.receipt);
      return { done: true };
    },

    beginSignIn: async ({ sourceIp }) => doors.passkey.beginSignIn(sourceIp),
    signIn: async ({ body, sourceIp, setCookie }) =>
      withCookie(await doors.passkey.signIn(body.assertion, sourceIp), setCookie),
    beginEnroll: async ({ body, sourceIp }) => await doors.passkey.beginEnroll(body.token, sourceIp),
    enroll: async ({ body, sourceIp, setCookie }) =>
      withCookie(await doors.passkey.enroll(body, sourceIp), setCookie),
    beginRecover: async ({ body, sourceIp }) => await doors.passkey.beginRecover(body.code, sourceIp),
    recover: async ({ body, sourceIp, setCookie }) =>
      withCookie(await doors.passkey.recover(body, sourceIp), setCookie),
    recoveryCodesLeft: async ({ caller }) => await recoveryCodesLeft(ctx, caller),
    beginRecoveryCodes: async ({ caller }) => beginRecoveryCodes(ctx, caller, doors.passkey.challenges),
    makeRecoveryCodes: async ({ caller, body }) =>
      await makeRecoveryCodes(ctx, caller, { ...body, challenges: doors.passkey.challenges }),
    listPasskeys: async ({ caller }) => await listPasskeys(ctx, caller),
    beginAddPasskey: async ({ caller }) => await beginAddPasskey(ctx, caller, doors.passkey.challenges),
    addPasskey: async ({ caller, body }) =>
      await addPasskey(ctx, caller, { ...body, challenges: doors.passkey.challenges }),
    removePasskey: async ({ caller, params }) => await removePasskey(ctx, caller, params.id),
    endSignIn: async ({ caller, setCookie }) => {
      setCookie(undefined);
      return await endSignIn(ctx, caller);
    },
    beginStepUp: async ({ caller, body }) => beginStepUp(ctx, caller, body),
    stepUpState: async ({ caller, params }) => stepUpState(ctx, caller, params.id),
    showStepUp: async ({ caller, params }) => showStepUp(ctx, caller, params.id),
    confirmStepUp: async ({ caller, params, body }) =>
      await confirmStepUp(ctx, caller, { id: params.id, assertion: body.assertion }),
    makeCode: async ({ body, sourceIp }) => await doors.codes.make(body, sourceIp),
    pollCode: async ({ body, sourceIp }) => await doors.codes.poll(body.secret, sourceIp),
    showCode: async ({ caller, params }) => doors.codes.show(caller, params.code),
    confirmCode: async ({ caller, params, body }) =>
      await doors.codes.confirm(caller, { code: params.code, assertion: body.assertion }),

    listProviders: async () => doors.provider.list(),
    leaveForProvider: async ({ params, sourceIp }) => await doors.provider.begin(params.name, sourceIp),
    returnFromProvider: async ({ body, sourceIp, setCookie }) =>
      withCookie(await doors.provider.finish(body, sourceIp), setCookie),
    providerLogout: async ({ params, body, sourceIp }) =>
      await doors.provider.logout(params.name, body.logout_token, sourceIp),
    leaveForCode: async ({ caller, params }) => await doors.provider.beginCode(caller, params.code),
    returnForCode: async ({ caller, params, body }) =>
      await doors.provider.finishCode(caller, { ...body, code: params.code }),

    workloadSignIn: async ({ body, sourceIp }) => await doors.workload.signIn({ ...body, sourceIp }),
    addMachine: async ({ caller, body }) => await addMachine(ctx, caller, body),

    whoami: async ({ caller }) => await whoami(ctx, caller, doors.provider.titleFor(caller)),
    signInRenew: async ({ caller, body }) => await renewSignIn(ctx, caller, body.csr),
    signOut: async ({ caller }) => await signOut(ctx, caller),

    openSession: async ({ caller, body }) => await openSession(ctx, caller, body),
    awaitDevice: async ({ caller, body, gone }) => await deviceWaits.wait(ctx, caller, { body, gone }),
    listSessions: async ({ caller, query }) => await listSessions(ctx, caller, query),
    showSession: async ({ caller, params }) => await showSession(ctx, caller, params.id),
    endSession: async ({ caller, params, body }) => await stopSession(ctx, caller, { id: params.id, body }),

    listApproverSets: async ({ caller, query }) => await listApproverSets(ctx, caller, query),
    makeApproverSet: async ({ caller, body }) => await makeApproverSet(ctx, caller, body),
    showApproverSet: async ({ caller, params }) => await showApproverSet(ctx, caller, params.version),
    signApproverSet: async ({ caller, params, body }) =>
      await signApproverSet(ctx, caller, { version: params.version, proof: body }),
    addApproverKey: async ({ caller, body }) => await addApproverKey(ctx, caller, body.statement),
    removeApproverKey: async ({ caller, params }) => await removeApproverKey(ctx, caller, params.id),
    deviceBreakGlass: async ({ caller, body }) => {
      await askOnSite(ctx, caller, body);
      return { done: true };
    },
    deviceBreakGlassStands: async ({ caller, params }) => ({
      stands: await standsOnSite(ctx, caller, params.id),
    }),
    deviceBreakGlassReport: async ({ caller, body }) => {
      await reportOnSite(ctx, caller, body.report);
      return { done: true };
    },
    deviceApprovers: async ({ caller, body }) => await tellDevice(ctx, caller, body),

    listNotices: async ({ query }) => await listNotices(ctx, query),
    listChanges: async ({ caller, query }) => await listChanges(ctx, caller, query),
    showChange: async ({ caller, params }) => await showChange(ctx, caller, params.id),
    approveChange: async ({ caller, params }) => await approveChange(ctx, caller, params.id),
    denyChange: async ({ caller, params, body }) =>
      await denyChange(ctx, caller, { id: params.id, reason: body.reason }),

    delegate: async ({ caller, body }) => await delegate(ctx, caller, body),
    listDelegations: async ({ caller, query }) => await listDelegations(ctx, caller, query),
    endDelegation: async ({ caller, params }) => await endDelegation(ctx, caller, params.id),

    breakGlassKeys: async () => await showKeys(ctx),
    setBreakGlassKeys: async ({ caller, body }) => await changeKeys(ctx, caller, body),
    openBreakGlass: async ({ caller, body }) => await openBreakGlass(ctx, caller, body),
    listBreakGlass: async ({ caller, query }) => await listBreakGlass(ctx, caller, query),
    reviewBreakGlass: async ({ caller, params, body }) =>
      await reviewBreakGlass(ctx, caller, { id: params.id, review: body.review }),

    fileRequest: async ({ caller, body }) => await fileRequest(ctx, caller, body),
    listRequests: async ({ caller, query }) => await listRequests(ctx, caller, query),
    showRequest: async ({ caller, params }) => await showRequest(ctx, caller, params.id),
    approveRequest: async ({ caller, params, body }) =>
      await approveRequest(ctx, caller, { id: params.id, proof: body }),
    denyRequest: async ({ caller, params, body }) =>
      await denyRequest(ctx, caller, { id: params.id, reason: body.reason }),
    cancelRequest: async ({ caller, params }) => await cancelRequest(ctx, caller, params.id),

    ticketMessage: async ({ params, body, raw, sourceIp }) =>
      await doors.tickets.receive({ ...raw, source: params.source, document: body as JsonObject, sourceIp }),
    listTickets: async ({ query }) => await listTickets(ctx, query),

    listWindows: async ({ query }) => await listWindows(ctx, query),
    addWindow: async ({ caller, body }) => await addWindow(ctx, caller, body),
    removeWindow: async ({ caller, params }) => await removeWindow(ctx, caller, params.id),

    listDevices: async ({ caller, query }) => await listDevices(ctx, caller, query),
    showDevice: async ({ caller, params }) => await showDevice(ctx, caller, params.id),
    acceptDevice: async ({ caller, params }) => await acceptDevice(ctx, caller, params.id),
    removeDevice: async ({ caller, params }) => await removeDevice(ctx, caller, params.id),
    inviteDevice: async ({ caller, body }) => await inviteDevice(ctx, caller, body),

    replaceDevice: async ({ caller, params, body }) =>
      await replaceDevice(ctx, caller, { device: params.id, body }),

    listEnrollments: async ({ query }) => await listEnrollments(ctx, query),
    revokeEnrollment: async ({ caller, params }) => await revokeEnrollment(ctx, caller, params.id),

    listServices: async ({ caller, query }) => await listServices(ctx, caller, query),
    addService: async ({ caller, body }) => await addService(ctx, caller, body),
    removeService: async ({ caller, params }) => await removeService(ctx, caller, params.id),

    listIdentities: async ({ query }) => await listIdentities(ctx, query),
    showIdentity: async ({ params }) => await viewIdentity(ctx, await requireIdentity(ctx, params.id)),
    removeIdentity: async ({ caller, params, query }) =>
      await offboard(ctx, caller, {
        identity: params.id,
        newOwner: query.newOwner,
        lockOwned: query.lockOwned === 'true',
      }),
    invitePerson: async ({ caller, body }) => await invite(ctx, caller, body),
    grantRole: async ({ caller, body }) => await changeRole(ctx, caller, { kind: 'grant', wanted: body }),
    revokeRole: async ({ caller, body }) => await changeRole(ctx, caller, { kind: 'revoke', wanted: body }),
    kill: async ({ caller, body }) => await killIdentity(ctx, caller, body),

    beginTotp: async ({ caller }) => await apps.begin(caller),
    confirmTotp: async ({ caller, body }) => await apps.confirm(caller, body.code),
    removeTotp: async ({ caller, body }) => await apps.remove(caller, body),

    addTenant: async ({ caller, body }) => await addTenant(ctx, caller, body),
    listTenants: async ({ query }) => await listTenants(ctx, query),

    workDone: async ({ caller, body }) => await workDone(ctx, caller, body.name),

    listLocks: async ({ query }) => await listLocks(ctx, query),
    addLock: async ({ caller, body }) => await addLock(ctx, caller, body),
    removeLock: async ({ caller, params }) => await liftLock(ctx, caller, params.id),

    checkPolicy: async ({ body }) => checkPolicy(body.files),
    testPolicy: async ({ caller, body }) => testPolicy(ctx, caller, body),
    applyPolicy: async ({ caller, body }) => await changePolicy(ctx, caller, body),
    listPolicies: async ({ query }) => await listPolicies(ctx, query),
    showPolicy: async ({ caller, params }) => await showPolicy(ctx, caller, params.id),
    explainPolicy: async ({ caller, query }) => await explainPolicy(ctx, caller, query),
    whoCan: async ({ query }) => await whoCan(ctx, query),
    could: async ({ query }) => await couldDo(ctx, query),

    listEvents: async ({ query }) => await listEvents(ctx, query),
    showEvent: async ({ params }) => await showEvent(ctx, params.id),
    listLeaves: async ({ query }) => await listLeaves(ctx, query),
    logHead: async () => await logHead(ctx),
  };
}

function withCookie({ answer, cookie }: LetIn, setCookie: (value: string) => void): LetIn['answer'] {
  setCookie(cookie);
  return answer;
}
