// Use-cases of a device that offline keys open for somebody who is there: it asks first where it can, and says what it
// did. A no here is one; what the device did without asking is on the record all the same, and to be reviewed.

import { timeFault, type BreakGlass, type OnSiteRequest } from '../../core/break-glass.ts';
import type { Device } from '../../core/device.ts';
import { SallyportError } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import type { Identity } from '../../core/identity.ts';
import type { DeviceId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import { asSubject } from '../../core/lock.ts';
import { printable } from '../../core/printable.ts';
import { defaultTenant } from '../../core/tenant.ts';
import { breakGlassId, openOnSite, type SealedFile } from '../../wire/break-glass.ts';
import { readOnSiteReport, type OnSiteReport } from '../../wire/on-site.ts';
import { findIdentity } from '../admin/find.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext, Caller } from '../context.ts';
import { callingDevice, openDeviceStatement } from '../enroll/device-statement.ts';
import { StoreConflict } from '../store/store.ts';
import { updateRecord } from '../store/update-record.ts';
import { countSigners } from './keys.ts';
import { aboutUse } from './uses.ts';

/** Throws the no, which is on the log by then. What is allowed here is on the record as a use. */
export async function askOnSite(ctx: AuthorityContext, caller: Caller, file: SealedFile): Promise<void> {
  const device = await callingDevice(ctx, caller);
  ctx.breakGlassTries.requireLeft(device.id);
  const request = openOnSite(file.content);
  if (request === undefined) throw await refuse(ctx, device, 'this is no sealed request');
  const person = await findPerson(ctx, request);
  const { signers, why } = await countSigners(ctx, file);
  const fault = faultOf(ctx, device, request) ?? why ?? lockFault(ctx, { device, person });
  if (fault !== undefined) throw await refuse(ctx, device, fault, request);
  const use = useOf(ctx, device, {
    request,
    file,
    person,
    signers,
    wasAsked: true,
    openedAt: ctx.clock.now(),
  });
  if (await record(ctx, use, file)) return;
  throw await refuse(ctx, device, 'this sealed request was used before', request);
}

/** False once a lock stands on who was let in; a locked device does not come as far as this. */
export async function standsOnSite(ctx: AuthorityContext, caller: Caller, id: string): Promise<boolean> {
  const use = (await ctx.store.get('breakglass', id))?.value;
  // One that is not on the record yet, or of another device, is nothing that could be locked here.
  if (use?.identity === undefined || use.onSite?.device !== caller.id) return true;
  const person = await ctx.store.get('identity', use.identity);
  return person !== undefined && ctx.locks.find(asSubject(person.value)) === undefined;
}

/** May come again and again. Throws `invalid` for what this device did not sign, or that is no report. */
export async function reportOnSite(ctx: AuthorityContext, caller: Caller, statement: string): Promise<void> {
  const device = await callingDevice(ctx, caller);
  const payload = openDeviceStatement(device, { purpose: 'onsite', statement });
  const report = payload === undefined ? undefined : readOnSiteReport(payload);
  const request = report === undefined ? undefined : openOnSite(report.content);
  if (report === undefined || request === undefined || report.device !== device.id)
    throw new SallyportError('invalid', 'the report is not signed by this device or not readable');
  const id = breakGlassId(report.content);
  if ((await ctx.store.get('breakglass', id)) === undefined) {
    // A device alone can say much of anybody: how often is bounded, and of whom is for keys that we know.
    ctx.breakGlassTries.requireLeft(device.id);
    ctx.breakGlassTries.refused(device.id);
    const { signers, why } = await countSigners(ctx, report);
    const isVouched = why === undefined && device.tenant === defaultTenant;
    const person = isVouched ? await findPerson(ctx, request) : undefined;
    const { openedAt } = report;
    const use = useOf(ctx, device, { request, file: report, person, signers, wasAsked: false, openedAt });
    await record(ctx, use, report);
  }
  await noteEnd(ctx, { id, device: device.id }, { report, statement });
}

/** The name is what the keepers signed. Nobody of that name here: the record says the name. */
async function findPerson(ctx: AuthorityContext, { person }: OnSiteRequest): Promise<Identity | undefined> {
  const found = await findIdentity(ctx, person);
  return found?.kind === 'human' ? found : undefined;
}

function faultOf(ctx: AuthorityContext, device: Device, request: OnSiteRequest): string | undefined {
  if (device.tenant !== defaultTenant) return "the offline keys are those of the broker's owner";
  if (request.trustDomain !== ctx.pki.trustDomain) return 'it is for a device of another broker';
  if (request.device !== device.id && request.device !== device.name) return 'it is for another device';
  if (device.hold !== undefined) return 'the device is held until a person accepts it';
  return timeFault(request, ctx.clock.now(), { isSure: true });
}

function lockFault(
  ctx: AuthorityContext,
  { device, person }: { readonly device: Device; readonly person: Identity | undefined },
): string | undefined {
  const lock =
    ctx.locks.find({ tenant: device.tenant, device: device.id }) ??
    (person === undefined ? undefined : ctx.locks.find(asSubject(person)));
  return lock === undefined ? undefined : `a lock stands, and break-glass does not lift it: ${lock.reason}`;
}

function useOf(
  ctx: AuthorityContext,
  device: Device,
  facts: {
    readonly request: OnSiteRequest;
    readonly file: SealedFile;
    readonly person: Identity | undefined;
    readonly signers: readonly string[];
    readonly wasAsked: boolean;
    readonly openedAt: number;
  },
): BreakGlass {
  const { request, file, person, signers, wasAsked, openedAt } = facts;
  return {
    id: breakGlassId(file.content),
    tenant: device.tenant,
    ...(person === undefined ? {} : { identity: person.id }),
    target: device.name,
    reason: request.reason,
    forMs: request.forMs,
    signers,
    onSite: { device: device.id, person: request.person, wasAsked },
    openedAt,
    // Of one that is heard of late, too: whoever reviews it cannot have done so before.
    reviewBy: ctx.clock.now() + limits.breakGlassReviewMs,
  };
}

/** False: there is one of that id. */
async function record(ctx: AuthorityContext, use: BreakGlass, file: SealedFile): Promise<boolean> {
  const { onSite, signers, openedAt, reviewBy } = use;
  if (onSite === undefined) throw new Error('a use on site says where');
  const opened: EventDraft = {
    type: 'breakglass.opened',
    actor: { kind: 'device', id: onSite.device },
    outcome: 'success',
    ...aboutUse(use),
    body: {
      name: printable(onSite.person),
      onSite: true,
      target: use.target,
      wasAsked: onSite.wasAsked,
      content: file.content,
      signatures: [...file.signatures],
      signers: [...signers],
      openedAt: iso(openedAt),
      reviewBy: iso(reviewBy),
    },
  };
  try {
    await ctx.store.commit({ changes: [{ put: 'breakglass', value: use, rev: 0 }], events: [opened] });
  } catch (error) {
    if (error instanceof StoreConflict && error.kind === 'breakglass') return false;
    throw error;
  }
  ctx.log.error(
    { person: printable(onSite.person), device: use.target, signers, reason: printable(use.reason) },
    'break-glass was used on site',
  );
  return true;
}

async function noteEnd(
  ctx: AuthorityContext,
  { id, device }: { readonly id: string; readonly device: DeviceId },
  { report, statement }: { readonly report: OnSiteReport; readonly statement: string },
): Promise<void> {
  const { ended } = report;
  if (ended === undefined) return;
  await updateRecord(ctx.store, { kind: 'breakglass', id }, (use) => {
    const { onSite } = use;
    if (onSite === undefined || onSite.device !== device || onSite.endedAt !== undefined) return undefined;
    const { at: endedAt, cause, processesLeft, sha256, bytes } = ended;
    return {
      value: { ...use, onSite: { ...onSite, endedAt, cause, recording: { sha256, bytes } } },
      events: [
        {
          type: 'breakglass.ended',
          actor: { kind: 'device', id: device },
          outcome: processesLeft === 0 ? 'success' : 'failure',
          code: cause,
          ...aboutUse(use),
          body: { use: id, endedAt: iso(endedAt), processesLeft, sha256, bytes, report: statement },
        },
      ],
    };
  });
}

async function refuse(
  ctx: AuthorityContext,
  device: Device,
  why: string,
  request?: OnSiteRequest,
): Promise<SallyportError> {
  ctx.breakGlassTries.refused(device.id);
  const said = printable(why, 200);
  await ctx.store.commit({
    changes: [],
    events: [
      {
        type: 'breakglass.refused',
        actor: { kind: 'device', id: device.id },
        outcome: 'denied',
        device: device.id,
        body: {
          why: said,
          onSite: true,
          ...(request === undefined
            ? {}
            : { name: printable(request.person), reason: printable(request.reason) }),
        },
      },
    ],
  });
  return new SallyportError('denied', `the broker does not let it open: ${said}`, {
    next: 'have another one signed: sallyport breakglass request DEVICE --on-site …',
  });
}
