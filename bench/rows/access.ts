// Rows of deciding who may: a passkey's answer verified, a decision among many policies, a page of very many open
// requests, and the way from a request to its session. In this process, on the authority's own use-cases and a store
// on the disk: what processes and TLS cost, other rows say.

import { createHash, createPublicKey, verify } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Operator } from '../../src/authority/admin/operator.ts';
import { evaluateSet, keepSet } from '../../src/authority/policy/cedar.ts';
import { requirePolicies } from '../../src/authority/policy/check.ts';
import { PolicyPoint } from '../../src/authority/policy/policy-point.ts';
import { toCedarRequest } from '../../src/authority/policy/request.ts';
import { approveRequest } from '../../src/authority/requests/decide-request.ts';
import { fileRequest } from '../../src/authority/requests/file-request.ts';
import { listRequests } from '../../src/authority/requests/list-requests.ts';
import { openSqliteStore } from '../../src/authority/store/sqlite-store.ts';
import type { Store } from '../../src/authority/store/store.ts';
import { coseKey } from '../../src/cli/demo/approval/virtual-passkey.ts';
import type { Question } from '../../src/core/decision.ts';
import { newId } from '../../src/core/ids.ts';
import type { PolicyRevision } from '../../src/core/policy-revision.ts';
import type { AccessRequest } from '../../src/core/request.ts';
import { silentLog } from '../../src/platform/log.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { judgeAssertion } from '../../src/platform/webauthn.ts';
import { keyId, signStatement } from '../../src/wire/signed.ts';
import { Authenticator } from '../../test/doubles/authenticator.ts';
import {
  addDevice,
  addPerson,
  makeWorld,
  open,
  type Person,
  type World,
} from '../../test/flows/authority-world.ts';
import { median, rounded } from '../measure/statistics.ts';
import { ratioTo, type Measured, type Plan, type Row } from './row.ts';

const origin = 'https://gate.example.com';
const rpId = 'gate.example.com';

const assertionVerify: Row = {
  id: 'assertion-verify',
  unit: '/s',
  what: 'passkey answers verified in one process; bare: their ES256 signature alone',
  reach: { words: '>= 0.1 x bare', of: ratioTo('bare'), isMet: (ratio) => ratio >= 0.1 },
  async measure(_columns, { isQuick }): Promise<Measured> {
    const authenticator = new Authenticator(origin);
    authenticator.create({ challenge: 'x', rp: { id: rpId }, user: { id: 'u' } });
    const [held] = authenticator.passkeys;
    if (held === undefined) throw new Error('the authenticator has no passkey');
    const key = createPublicKey(held.key);
    const challenge = Buffer.alloc(32, 7).toString('base64url');
    const { response } = authenticator.get(challenge);
    const publicKey = coseKey(key).toString('base64url');
    const facts = { credential: held.id, publicKey, challenge, origins: [origin], rpId };
    const client = createHash('sha256').update(Buffer.from(response.clientDataJSON, 'base64url')).digest();
    const signed = Buffer.concat([Buffer.from(response.authenticatorData, 'base64url'), client]);
    const signature = Buffer.from(response.signature, 'base64url');
    const judged = async (): Promise<boolean> => (await judgeAssertion(response, facts)).ok;
    const bare = async (): Promise<boolean> => verify('sha256', signed, key, signature);
    const count = isQuick ? 200 : 1_000;
    await perSecond(judged, count);
    const samples = { mine: [] as number[], bare: [] as number[] };
    for (let round = 0; round < 5; round += 1) {
      samples.mine.push(await perSecond(judged, count));
      samples.bare.push(await perSecond(bare, count));
    }
    return {
      values: { sallyport: median(samples.mine), bare: median(samples.bare) },
      detail: { mine: samples.mine.map(rounded), bare: samples.bare.map(rounded) },
    };
  },
};

async function perSecond(run: () => Promise<boolean>, count: number): Promise<number> {
  const startedAt = performance.now();
  for (let n = 0; n < count; n += 1) if (!(await run())) throw new Error('it was refused');
  return (count * 1_000) / (performance.now() - startedAt);
}

function decide(policies: number): Row {
  return {
    id: `decide-${policies}`,
    unit: 'ms',
    what: `one decision among ${policies} policies of the action, with approvals; each question is new; bare: Cedar alone`,
    reach: {
      words: policies === 1_000 ? '<= 2 ms' : '<= 1 ms',
      of: ({ sallyport }) => sallyport,
      isMet: (ms) => ms <= (policies === 1_000 ? 2 : 1),
    },
    async measure(_columns, { isQuick }): Promise<Measured> {
      const point = new PolicyPoint();
      const revision = revisionOf(policyText(policies));
      point.load(revision);
      const alone = `bench-${policies}`;
      const ready = requirePolicies(revision.files);
      keepSet(alone, Object.fromEntries(ready.map(({ id, text }) => [id, text])));
      const cedar: number[] = [];
      const samples: number[] = [];
      const count = isQuick ? 50 : 200;
      for (let n = 0; n < count + 20; n += 1) {
        const startedAt = performance.now();
        const { outcome } = point.decide(questionOf(n, n % 2 === 0 ? 2 : 0));
        if (n >= 20) samples.push(performance.now() - startedAt);
        const request = toCedarRequest(questionOf(n, 2));
        const from = performance.now();
        evaluateSet(alone, request);
        if (n >= 20) cedar.push(performance.now() - from);
        if (outcome !== (n % 2 === 0 ? 'allow' : 'deny'))
          throw new Error(`question ${n} was answered ${outcome}`);
      }
      point.close();
      // A no costs more than a yes: what would help is asked for, too.
      const [yes, no] = [0, 1].map((odd) => median(samples.filter((_, n) => n % 2 === odd)));
      return {
        values: { sallyport: yes ?? Number.NaN, bare: median(cedar) },
        detail: { yesMs: rounded(yes ?? 0), noMs: rounded(no ?? 0) },
      };
    },
  };
}

/** One permits, all others are for other sites. */
function policyText(count: number): string {
  const others = Array.from(
    { length: count - 1 },
    (_, n) =>
      `@id("site-${n}") @approvers("2") permit (principal in Role::"operator", action == Action::"exec", resource)
       when { resource.hasTag("site") && resource.getTag("site") == "site-${n}" };`,
  );
  const own = `@id("own") @approvers("2") permit (principal in Role::"operator", action == Action::"exec", resource)
    when { resource.hasTag("site") && resource.getTag("site") == "lyon" };`;
  return [...others, own].join('\n');
}

function revisionOf(text: string): PolicyRevision {
  return {
    id: newId('pol', systemRandom.bytes(16)),
    tenant: 'default',
    number: 1,
    files: { 'a.cedar': text },
    hash: 'x',
    appliedBy: newId('idn', systemRandom.bytes(16)),
    appliedAt: 0,
  };
}

function questionOf(n: number, approvals: number): Question {
  const id = newId('idn', systemRandom.bytes(16));
  return {
    principal: { id, kind: 'human', name: `p-${n}`, roles: ['operator'], tenant: 'default', createdAt: 0 },
    action: 'exec',
    device: {
      id: newId('dev', systemRandom.bytes(16)),
      name: `d-${n}`,
      owner: id,
      purpose: 'x',
      labels: { site: 'lyon' },
      tenant: 'default',
      spki: '',
      publicKey: '',
      linkEpoch: 0,
      createdAt: 0,
      renewal: { n: 0, expected: '' },
    },
    context: { now: n, approvals, argv: ['true', String(n)] },
  };
}

const policy = `
permit (principal in Role::"operator", action == Action::"discover", resource);
@approvers("1") permit (principal in Role::"operator", action == Action::"exec", resource);
permit (principal in Role::"approver", action == Action::"approve", resource);`;

interface Access {
  readonly world: World;
  readonly ana: Person;
  readonly bo: Person;
}

/** A world whose store is SQLite on the disk, as the embedded default has it. */
async function withAccess<T>(run: (access: Access) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-access-'));
  const base = await makeWorld(policy);
  const { clock, random } = base.ctx;
  const store: Store = await openSqliteStore({
    path: join(folder, 'store.db'),
    reservePath: join(folder, 'reserve'),
    clock,
    random,
    log: silentLog,
  });
  // What a flow does with its store, this one can do, too.
  const world = { ...base, store, ctx: { ...base.ctx, store } } as unknown as World;
  try {
    const [ana, bo] = [await addPerson(world, 'ana'), await addPerson(world, 'bo', ['approver'])];
    await addDevice(world, 'pump-7');
    return await run({ world, ana, bo });
  } finally {
    await store.close();
    await base.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function as({ caller, identity }: Person): Operator {
  return { ...caller, identity };
}

const requestToSession: Row = {
  id: 'request-to-session',
  unit: 'ms',
  what: 'a request is filed, approved by another person’s signature, and its session opened: three commits on the disk',
  async measure(_columns, { isQuick }): Promise<Measured> {
    return await withAccess(async ({ world, ana, bo }) => {
      const spki = bo.publicKey.export({ type: 'spki', format: 'der' }).toString('base64url');
      const signer = { kid: keyId(bo.publicKey), privateKey: bo.key };
      const samples: number[] = [];
      for (let n = 0; n < (isQuick ? 10 : 30); n += 1) {
        const startedAt = performance.now();
        const { id, digest } = await fileRequest(world.ctx, as(ana), {
          target: 'pump-7',
          forMs: 60_000,
          reason: 'bench',
        });
        const statement = signStatement('approval', { request: id, digest, spki }, signer);
        await approveRequest(world.ctx, as(bo), { id, proof: { statement } });
        await open(world, ana, 'pump-7');
        samples.push(performance.now() - startedAt);
      }
      return { values: { sallyport: median(samples) }, detail: { samples: samples.map(rounded) } };
    });
  },
};

const manyRequests = 10_000;

const requestsPage: Row = {
  id: 'requests-10000',
  unit: 'ms',
  what: 'one page of 100 of 10,000 open requests, for an approver for whom they wait',
  reach: { words: '<= 100', of: ({ sallyport }) => sallyport, isMet: (ms) => ms <= 100 },
  async measure(_columns, plan): Promise<Measured> {
    return await withAccess(async ({ world, ana, bo }) => {
      await fill(world, ana, plan);
      const page = async (by: Person): Promise<number> => {
        const startedAt = performance.now();
        await listRequests(world.ctx, as(by), { of: 'waiting', limit: 100 });
        return performance.now() - startedAt;
      };
      const other = await addPerson(world, 'cy', ['operator']);
      await page(bo);
      const [waiting, none]: [number[], number[]] = [[], []];
      for (let run = 0; run < 5; run += 1) {
        waiting.push(await page(bo));
        none.push(await page(other));
      }
      return {
        values: { sallyport: median(waiting) },
        detail: { samples: waiting.map(rounded), noneWaitsMs: none.map(rounded) },
      };
    });
  },
};

async function fill(world: World, ana: Person, { isQuick }: Plan): Promise<void> {
  const first = await fileRequest(world.ctx, as(ana), { target: 'pump-7', forMs: 60_000, reason: 'bench' });
  const stored = await world.store.get('request', first.id);
  if (stored === undefined) throw new Error('no request was filed');
  const count = isQuick ? 1_000 : manyRequests;
  for (let at = 1; at < count; at += 1_000) {
    const changes = Array.from({ length: Math.min(1_000, count - at) }, () => {
      const value: AccessRequest = { ...stored.value, id: newId('req', systemRandom.bytes(16)) };
      return { put: 'request', value, rev: 0 } as const;
    });
    await world.store.commit({ changes, events: [] });
  }
}

export const accessRows: readonly Row[] = [
  assertionVerify,
  ...[10, 100, 1_000].map(decide),
  requestToSession,
  requestsPage,
];
