// Use-cases: an administrator makes the next approver set; persons of the one that it follows say yes to it, each
// over the hash of exactly its text; devices take it from there. What is signed here the devices verify themselves
// (agent/approvals), so nothing that is decided here can be forced on them.

import { nameIn } from '../../core/tenant.ts';
import type { z } from 'zod';
import type {
  approverSetBody,
  approverSetFile,
  ApproverSetView,
  deviceApprovers,
} from '../../api/approvers.ts';
import type { PageQuery } from '../../api/problem.ts';
import type { ApproveBody } from '../../api/requests.ts';
import { type ApproverSet, type ApproverSetRecord, type Person } from '../../core/approver-set.ts';
import { SallyportError } from '../../core/errors.ts';
import type { Identity } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { openApproverYes } from '../../wire/approval.ts';
import { approverSetDigest, approverSetText } from '../../wire/approver-set.ts';
import { eachRecord } from '../admin/each-record.ts';
import { requireIdentity } from '../admin/find.ts';
import { identityName } from '../admin/names.ts';
import { actor, seesAll, type Operator } from '../admin/operator.ts';
import { pageOfKept, type Paged } from '../admin/page.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext } from '../context.ts';
import { assertionProof, type SignedYes } from '../requests/signed-yes.ts';
import { updateRecord } from '../store/update-record.ts';

export async function makeApproverSet(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.infer<typeof approverSetBody>,
): Promise<ApproverSetView> {
  const known = await allSets(ctx);
  if (known.length >= limits.approverSetsKept) {
    throw new SallyportError('too_large', `there are ${known.length} approver sets already`, {
      next: 'this broker keeps no more of them',
    });
  }
  const names = new Set(body.persons);
  const persons: Person[] = [];
  for (const name of names) persons.push(await personOf(ctx, await requireIdentity(ctx, name)));
  if (body.threshold > persons.length) {
    throw new SallyportError('invalid', `${body.threshold} of ${persons.length} persons can never say yes`, {
      next: 'name more persons, or take a smaller --threshold',
    });
  }
  const now = ctx.clock.now();
  // The one that devices hold by now: the last that everybody signed, or that was pinned by hand.
  const follows = known.findLast((record) => isReady(record, known) || record.follows === undefined);
  const version = (known.at(-1)?.set.version ?? 0) + 1;
  const set: ApproverSet = {
    broker: ctx.broker.name,
    version,
    threshold: body.threshold,
    rpId: ctx.broker.console?.host ?? '',
    origins: ctx.broker.console === undefined ? [] : [ctx.broker.console.origin],
    persons,
    expiresAt: now + body.forMs,
  };
  const record: ApproverSetRecord = {
    id: nameIn(caller.identity.tenant, String(version)),
    tenant: caller.identity.tenant,
    set,
    ...(follows === undefined ? {} : { follows: follows.set.version }),
    signatures: [],
    createdBy: caller.identity.id,
    createdAt: now,
  };
  await ctx.store.commit({
    changes: [{ put: 'approverset', value: record, rev: 0 }],
    events: [
      {
        type: 'approver_set.made',
        actor: actor(caller),
        outcome: 'success',
        body: {
          version,
          digest: approverSetDigest(set),
          persons: persons.map(({ name }) => name),
          threshold: body.threshold,
          expiresAt: iso(set.expiresAt),
        },
      },
    ],
  });
  return await view(ctx, caller, record, [...known, record]);
}

/** Whoever is in a set approves on devices: a person, with something to sign with that outlives a sign-in. */
async function personOf(ctx: AuthorityContext, identity: Identity): Promise<Person> {
  if (identity.kind !== 'human') {
    throw new SallyportError('invalid', `"${identity.name}" is no person, and only people approve`, {
      next: 'name people: sallyport identities ls',
    });
  }
  const passkeys = [];
  if (ctx.broker.console !== undefined) {
    for await (const { value } of eachRecord(ctx.store, 'passkey', { filter: { identity: identity.id } }))
      passkeys.push({ id: value.id, publicKey: value.publicKey });
  }
  const keys = identity.approverKeys ?? [];
  if (passkeys.length + keys.length > 0) return { id: identity.id, name: identity.name, passkeys, keys };
  throw new SallyportError('invalid', `"${identity.name}" has nothing that a device could know him by`, {
    next: 'he adds a passkey in the console, or a key by: sallyport approvers key',
  });
}

export async function signApproverSet(
  ctx: AuthorityContext,
  caller: Operator,
  { version, proof }: { readonly version: number; readonly proof: ApproveBody },
): Promise<ApproverSetView> {
  const known = await allSets(ctx);
  const record = known.find(({ set }) => set.version === version);
  if (record === undefined || !isSeen(caller, record, { known, seesAll: seesAll(ctx, caller) }))
    throw noSuchSet(version);
  if (!isWanted(caller, record, known)) {
    throw new SallyportError(
      'forbidden',
      `your yes to version ${version} of the approver set is not needed`,
      {
        next: 'persons of the set that it follows sign it: sallyport approvers ls',
      },
    );
  }
  const signed = await requireSigned(ctx, caller, record, proof);
  const after = await updateRecord(ctx.store, { kind: 'approverset', id: record.id }, (value) => {
    if (value.signatures.some(({ by }) => by === caller.identity.id)) return undefined;
    const signature = { by: caller.identity.id, at: ctx.clock.now(), ...signed.proof };
    return {
      value: { ...value, signatures: [...value.signatures, signature] },
      changes: signed.changes,
      events: [
        {
          type: 'approver_set.signed',
          actor: actor(caller),
          outcome: 'success',
          identity: caller.identity.id,
          body: { version, name: caller.identity.name, ...signed.proof },
        },
      ],
    };
  });
  return await view(ctx, caller, after ?? record, await allSets(ctx));
}

async function requireSigned(
  ctx: AuthorityContext,
  caller: Operator,
  { set }: ApproverSetRecord,
  proof: ApproveBody,
): Promise<SignedYes> {
  const digest = approverSetDigest(set);
  if ('assertion' in proof)
    return await assertionProof(ctx, caller, { challenge: digest, assertion: proof.assertion });
  const { statement } = proof;
  const opened = openApproverYes(statement);
  const isOwn = opened !== undefined && caller.identity.approverKeys?.includes(opened.spki) === true;
  if (isOwn && opened.digest === digest) return { proof: { statement }, changes: [] };
  throw new SallyportError('forbidden', 'this is not your signature over exactly this set', {
    next: 'sign it again: sallyport approvers sign VERSION',
  });
}

export async function listApproverSets(
  ctx: AuthorityContext,
  caller: Operator,
  query: PageQuery,
): Promise<Paged<ApproverSetView>> {
  const known = await allSets(ctx);
  const source = { store: ctx.store, kind: 'approverset', filter: {} } as const;
  const facts = { known, seesAll: seesAll(ctx, caller) };
  const { kept, next } = await pageOfKept(source, query, async (record) => isSeen(caller, record, facts));
  const items: ApproverSetView[] = [];
  for (const record of kept) items.push(await view(ctx, caller, record, known));
  return { items, ...(next === undefined ? {} : { next }) };
}

export async function showApproverSet(
  ctx: AuthorityContext,
  caller: Operator,
  version: number,
): Promise<z.infer<typeof approverSetFile>> {
  const known = await allSets(ctx);
  const record = known.find(({ set }) => set.version === version);
  if (record === undefined || !isSeen(caller, record, { known, seesAll: seesAll(ctx, caller) }))
    throw noSuchSet(version);
  return { format: 1, ...asPinned(record) };
}

/** The sets after this version that devices take one after the other. */
export async function readySetsAfter(
  ctx: AuthorityContext,
  version: number,
): Promise<z.infer<typeof deviceApprovers>['sets']> {
  const known = await allSets(ctx);
  return known
    .filter((record) => record.set.version > version && isReady(record, known))
    .map((record) => asPinned(record));
}

function asPinned({ set, signatures }: ApproverSetRecord) {
  return {
    set: { ...set } as Record<string, unknown>,
    signatures: signatures.map(({ by: _by, at: _at, ...proof }) => proof as Record<string, string>),
  };
}

/** There are few, and whether one is ready is a question about its neighbours. In order of version. */
async function allSets(ctx: AuthorityContext): Promise<readonly ApproverSetRecord[]> {
  const all: ApproverSetRecord[] = [];
  for await (const { value } of eachRecord(ctx.store, 'approverset')) all.push(value);
  return all.sort((one, other) => one.set.version - other.set.version);
}

function before(
  { follows }: ApproverSetRecord,
  known: readonly ApproverSetRecord[],
): ApproverSet | undefined {
  return known.find(({ set }) => set.version === follows)?.set;
}

function isReady(record: ApproverSetRecord, known: readonly ApproverSetRecord[]): boolean {
  const previous = before(record, known);
  if (previous === undefined) return false;
  const persons = new Set(previous.persons.map(({ id }) => id));
  const signers = new Set(record.signatures.map(({ by }) => by).filter((by) => persons.has(by)));
  return signers.size >= previous.threshold;
}

function isSeen(
  caller: Operator,
  record: ApproverSetRecord,
  facts: { readonly known: readonly ApproverSetRecord[]; readonly seesAll: boolean },
): boolean {
  const persons = [...record.set.persons, ...(before(record, facts.known)?.persons ?? [])];
  return facts.seesAll || persons.some(({ id }) => id === caller.identity.id);
}

function isWanted(
  { identity }: Operator,
  record: ApproverSetRecord,
  known: readonly ApproverSetRecord[],
): boolean {
  const isPerson = before(record, known)?.persons.some(({ id }) => id === identity.id) === true;
  return isPerson && !record.signatures.some(({ by }) => by === identity.id);
}

function noSuchSet(version: number): SallyportError {
  return new SallyportError('not_found', `there is no version ${version} of the approver set`, {
    next: '"sallyport approvers ls" lists the ones you may see',
  });
}

async function view(
  ctx: AuthorityContext,
  caller: Operator,
  record: ApproverSetRecord,
  known: readonly ApproverSetRecord[],
): Promise<ApproverSetView> {
  const { set, follows, signatures, createdBy, createdAt } = record;
  const signed: ApproverSetView['signatures'] = [];
  for (const { by, at } of signatures)
    signed.push({ by: { id: by, name: await identityName(ctx, by) }, at: iso(at) });
  return {
    version: set.version,
    persons: set.persons.map(({ id, name, passkeys, keys }) => ({
      id,
      name,
      passkeys: passkeys.length,
      keys: keys.length,
    })),
    threshold: set.threshold,
    expiresAt: iso(set.expiresAt),
    ...(follows === undefined ? {} : { follows }),
    signatures: signed,
    needed: before(record, known)?.threshold ?? 0,
    ready: isReady(record, known),
    maySign: isWanted(caller, record, known),
    createdBy: { id: createdBy, name: await identityName(ctx, createdBy) },
    createdAt: iso(createdAt),
    content: approverSetText(set),
    digest: approverSetDigest(set),
  };
}
