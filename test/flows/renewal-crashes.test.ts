// I14: power is cut at every step of a renewal and of a recovery, on the device, at the broker, or on both. The
// device comes back by itself, is never taken for a copy of itself, and a copy that was made at that very moment
// is found out by the renewal after. The table that it prints is in docs/protocol.md.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createPublicKey } from 'node:crypto';
import { renewOnce, type RenewalWay } from '../../src/agent/renewal.ts';
import { loadState, saveState, StateFile, type AgentState } from '../../src/agent/state.ts';
import { StoreUnavailable } from '../../src/authority/store/store.ts';
import { fromProblem, SallyportError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import { ensurePrivateDir } from '../../src/platform/files.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { keyId } from '../../src/wire/signed.ts';
import { join, makeApiWorld, type ApiWorld, type Peer } from './api-world.ts';

class PowerCut extends Error {}

/** Where the power goes, in the order of one renewal. */
const steps = [
  'before the request is on the disk',
  'while the request is written',
  'before the request is sent',
  'the request is lost on the way',
  'at the broker, before its commit',
  'at the broker, after its commit',
  'the answer is lost on the way',
  'before the answer is on the disk',
  'while the answer is written',
  'after the answer is on the disk',
] as const;
type Step = (typeof steps)[number];

interface Machine {
  readonly world: ApiWorld;
  readonly peer: Peer;
  readonly dir: string;
  /** Where the next cut happens; taken when it happened. */
  cut: Step | undefined;
}

/** A StateFile whose writes can be cut off: what an interrupted one leaves behind is a half-written neighbour. */
class CutFile extends StateFile {
  readonly #machine: Machine;

  constructor(machine: Machine, state: AgentState) {
    super(machine.dir, state);
    this.#machine = machine;
  }

  override async update(change: (state: AgentState) => AgentState): Promise<void> {
    const isRequest = this.current.renewal.pending === undefined;
    cutAt(
      this.#machine,
      isRequest ? 'before the request is on the disk' : 'before the answer is on the disk',
    );
    const during = isRequest ? 'while the request is written' : 'while the answer is written';
    if (this.#machine.cut === during) {
      await writeFile(joinPath(this.dir, '.state.json.abc.tmp'), '{"format": 1, "addr', { mode: 0o600 });
    }
    cutAt(this.#machine, during);
    await super.update(change);
    cutAt(this.#machine, isRequest ? 'before the request is sent' : 'after the answer is on the disk');
  }
}

function cutAt(machine: Machine, step: Step): void {
  if (machine.cut !== step) return;
  machine.cut = undefined;
  throw new PowerCut(step);
}

async function makeMachine(t: TestContext): Promise<Machine> {
  const world = await makeApiWorld();
  t.after(() => world.close());
  const peer = await join(world, 'pump-7');
  const dir = await mkdtemp(joinPath(tmpdir(), 'sp-crash-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  await ensurePrivateDir(dir);
  const { redeemed } = peer;
  await saveState(dir, {
    address: 'gate.example.com:7443',
    broker: redeemed.broker,
    root: redeemed.root,
    trustDomain: redeemed.trustDomain,
    env: redeemed.env,
    deviceId: redeemed.id,
    name: redeemed.name,
    certificate: redeemed.certificate,
    keyset: redeemed.keyset,
    keysetVersion: 1,
    stateEpoch: redeemed.stateEpoch,
    renewal: redeemed.renewal ?? assert.fail('no secret'),
  });
  return { world, peer, dir, cut: undefined };
}

/** A life of the agent: what it knows is what the disk holds. */
async function renewFromDisk(machine: Machine, way: RenewalWay): Promise<void> {
  const { world, peer, dir } = machine;
  const state = (await loadState(dir)) ?? assert.fail('no state');
  await renewOnce(
    {
      file: new CutFile(machine, state),
      key: peer.key,
      signer: { kid: keyId(createPublicKey(peer.key)), privateKey: peer.key },
      random: systemRandom,
      signedNow: () => world.clock.now(),
      request: async ({ method, path, body }) => {
        cutAt(machine, 'the request is lost on the way');
        const caller =
          way === 'renew' ? { ...peer, certificate: new X509Certificate(state.certificate) } : undefined;
        const reply = await world.call(caller, `${method} ${path}`, { body });
        cutAt(machine, 'the answer is lost on the way');
        if (reply.status !== 200) throw fromProblem(reply.body) ?? new Error(reply.text);
        return reply;
      },
    },
    way,
  );
}

/** The authority dies in its commit: nothing was written, or all of it and nobody was told. */
function cutStore(machine: Machine): void {
  const { store } = machine.world;
  const commit = store.commit.bind(store);
  store.commit = async (given) => {
    const isRenewal = given.events.some(({ type }) => /^credential\.(renewed|recovered)$/.test(type));
    if (!isRenewal) return await commit(given);
    try {
      cutAt(machine, 'at the broker, before its commit');
      const events = await commit(given);
      cutAt(machine, 'at the broker, after its commit');
      return events;
    } catch (error) {
      if (error instanceof PowerCut) throw new StoreUnavailable(error.message);
      throw error;
    }
  };
}

async function stored(machine: Machine) {
  return (await machine.world.store.find('device', { name: 'pump-7' }))?.value ?? assert.fail('no device');
}

interface Row {
  readonly way: RenewalWay;
  readonly step: Step;
  readonly tries: number;
  readonly n: number;
}

async function play(t: TestContext, way: RenewalWay, step: Step): Promise<Row> {
  const machine = await makeMachine(t);
  cutStore(machine);
  if (way === 'recover') machine.world.clock.advance(limits.deviceCertificateLifeMs + 60_000);
  machine.cut = step;
  await assert.rejects(
    renewFromDisk(machine, way),
    (error) => error instanceof PowerCut || error instanceof SallyportError,
  );
  assert.equal(machine.cut, undefined, 'the cut happened');
  const copyDir = `${machine.dir}-copy`;
  t.after(() => rm(copyDir, { recursive: true, force: true }));
  await cp(machine.dir, copyDir, { recursive: true });

  let tries = 0;
  while ((await loadState(machine.dir))?.renewal.n !== 2) {
    tries += 1;
    assert.ok(tries <= 3, 'it does not come back by itself');
    await renewFromDisk(machine, way);
  }
  const device = await stored(machine);
  const state = (await loadState(machine.dir)) ?? assert.fail('no state');
  assert.deepEqual([device.hold, device.renewal.n, state.renewal.n], [undefined, 2, 2]);
  const { validToDate } = new X509Certificate(state.certificate);
  assert.ok(validToDate.getTime() > machine.world.clock.now(), 'it has a certificate that holds');

  // The next one of the true device; whatever the copy then asks for gives it away.
  await renewFromDisk(machine, 'renew');
  assert.equal((await stored(machine)).hold, undefined, 'an innocent device is never held');
  const copy: Machine = { ...machine, dir: copyDir, cut: undefined };
  await assert.rejects(renewFromDisk(copy, 'recover'), { code: 'not_accepted' });
  assert.equal((await stored(machine)).hold?.why, 'clone', 'never two of them alive');
  return { way, step, tries, n: state.renewal.n };
}

for (const way of ['renew', 'recover'] as const) {
  test(`I14 ${way}: power is cut at every step, and the device is never taken for a copy`, async (t) => {
    for (const step of steps) {
      const row = await play(t, way, step);
      t.diagnostic(
        `${row.way} | ${row.step} | tries ${row.tries} | at n = ${row.n}, free; a copy of then: held`,
      );
    }
  });

  test(`I14 ${way}: an answer that comes late, after its own repetition, changes nothing`, async (t) => {
    const machine = await makeMachine(t);
    const { world, peer } = machine;
    machine.cut = 'the request is lost on the way';
    await assert.rejects(renewFromDisk(machine, way), PowerCut);
    const request =
      (await loadState(machine.dir))?.renewal.pending?.request ?? assert.fail('nothing is pending');
    const ask = async () =>
      await world.call(way === 'renew' ? peer : undefined, `POST /v1/device/credentials/${way}`, {
        body: { request },
      });
    const answers = await Promise.all([ask(), ask(), ask()]);
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
    await renewFromDisk(machine, way);
    assert.deepEqual([(await stored(machine)).hold, (await stored(machine)).renewal.n], [undefined, 2]);
  });
}

test('a state file that was torn by the disk itself is refused with words, and nothing is guessed', async (t) => {
  const machine = await makeMachine(t);
  const path = joinPath(machine.dir, 'state.json');
  const { readFile } = await import('node:fs/promises');
  const whole = await readFile(path);
  for (const size of [0, 1, Math.floor(whole.length / 2), whole.length - 2]) {
    await writeFile(path, whole.subarray(0, size), { mode: 0o600 });
    await assert.rejects(loadState(machine.dir), { code: 'local_file', message: /is damaged/ });
  }
});
