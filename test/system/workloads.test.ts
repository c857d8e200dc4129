// Machines with the real command line and a real broker: a job shows the token of its provider, another one signs
// its own; both work for minutes, as themselves, and not as anybody else (R-021, R-051, S-07).

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { generateEd25519, privatePem } from '../../src/platform/keys.ts';
import { startProvider, type Provider } from '../doubles/identity-provider.ts';
import { makeLeaf, makePki } from '../contract/pki-fixture.ts';
import type { Ran } from './program.ts';
import { must, Stage } from './stage.ts';

const policy = `
@id("machines") @maxSession("1h")
permit (principal is Machine, action in [Action::"discover", Action::"exec"], resource);

@id("people") permit (principal in Role::"operator", action in [Action::"discover", Action::"exec"], resource);

@id("agents-for-people")
permit (principal is AiAgent, action in [Action::"discover", Action::"exec"], resource)
when { action == Action::"discover" || context has onBehalfOf };
`;

suite('machines', () => {
  let stage: Stage;
  let provider: Provider;

  before(async () => {
    stage = await Stage.open();
    provider = await startProvider('localhost');
    const ca = join(stage.folder, 'provider.pem');
    await writeFile(ca, provider.ca);
    const around = stage.surroundings('broker');
    await stage.signInPeople(
      await stage.startBroker({ ...around, env: { ...around.env, NODE_EXTRA_CA_CERTS: ca } }),
    );
    await stage.joinDevice();
    await stage.startAgent();
    await stage.applyPolicy(policy);
  });
  after(async () => {
    provider?.close();
    await stage?.close();
  });

  /** With a home of its own, as a job has it. */
  async function job(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const around = stage.surroundings('device');
    const home = join(stage.folder, 'home-job');
    return await stage.run(words, { ...around, env: { ...around.env, SALLYPORT_HOME: home, ...env } });
  }

  async function add(name: string, ...words: readonly string[]): Promise<readonly string[]> {
    const common = ['--kind', 'machine', '--owner', 'ana', '--purpose', 'deploys', '--for', '30d'];
    const added = (await stage.adminJson('identities', 'add', name, ...common, ...words)) as { line: string };
    return added.line.split(' ').slice(1);
  }

  test('R-021 without an owner, a purpose and an end there is no machine', async () => {
    const bare = await stage.admin('identities', 'add', 'ci', '--kind', 'machine');
    assert.equal(bare.code, 2);
    assert.match(bare.stderr, /needs somebody who answers for it, a purpose, and an end\nnext: give --owner/);
  });

  test('a job works as its machine by the X.509-SVID that its SPIFFE agent wrote', async () => {
    const now = Date.now();
    const pki = await makePki(now);
    const svid = await makeLeaf(pki.issuing, 'machine', { now, domain: 'build.example.com' });
    const file = (name: string): string => join(stage.folder, name);
    await writeFile(file('bundle.pem'), pki.root.certificatePem);
    await writeFile(file('svid.pem'), svid.chainPem);
    await writeFile(file('svid.key'), privatePem(svid.privateKey), { mode: 0o600 });
    const id = 'spiffe://build.example.com/prod/machine/machine-1';
    const login = await add('builder', '--spiffe-id', id, '--bundle', file('bundle.pem'));
    assert.deepEqual(login.slice(-4), ['--svid', 'FILE', '--key', 'FILE']);
    const words = [...login.slice(0, -4), '--svid', file('svid.pem'), '--key', file('svid.key')];
    assert.match(must(await job(words), words), /signed in as {2}builder \(machine\)/);
    const ran = await job(['exec', stage.device, '--', 'echo', 'built']);
    assert.equal(ran.stdout, 'built\n', ran.stderr);
    const wrong = [...login.slice(0, -4), '--svid', file('bundle.pem'), '--key', file('svid.key')];
    assert.match((await job(wrong)).stderr, /are no X\.509-SVID and its key\nnext: give the files/);
  });

  test('R-051 S-07 I12 a job works as its machine by the token of its provider, once each', async () => {
    const claims = ['--claim', 'project_path=org/app', '--claim', 'ref=main'];
    const login = await add('ci', '--issuer', provider.issuer, ...claims);
    const nothing = await job(login);
    assert.equal(nothing.code, 2);
    assert.match(nothing.stderr, /nothing here proves that this is "ci"\nnext: give --key or --token-file/);
    const token = await provider.token({ sub: 'project_path:org/app', project_path: 'org/app', ref: 'main' });
    const signedIn = must(await job(login, { SALLYPORT_ID_TOKEN: token }), login);
    assert.match(signedIn, /signed in as {2}ci \(machine\)/);
    const ran = await job(['exec', stage.device, '--', 'echo', 'deployed']);
    assert.equal(ran.stdout, 'deployed\n', ran.stderr);
    const again = await job(login, { SALLYPORT_ID_TOKEN: token });
    assert.equal(again.code, 77, 'a token is good once');
    const other = await provider.token({ sub: 'x', project_path: 'org/app', ref: 'evil' });
    assert.equal((await job(login, { SALLYPORT_ID_TOKEN: other })).code, 77);
    const [session] = await stage.sessions();
    assert.equal((await stage.events('--type', 'session.issued')).at(-1)?.session, session?.id);
  });

  test('I15 an AI agent acts for a person: what she let it, while she is signed in', async (t) => {
    const pair = generateEd25519();
    const [own, half] = [join(stage.folder, 'agent.key'), join(stage.folder, 'agent.pub')];
    await writeFile(own, privatePem(pair.privateKey), { mode: 0o600 });
    await writeFile(half, pair.publicKey.export({ type: 'spki', format: 'pem' }));
    const common = [
      '--kind',
      'ai_agent',
      '--owner',
      'admin',
      '--purpose',
      'helps',
      '--for',
      '30d',
      '--key',
      half,
    ];
    const added = (await stage.adminJson('identities', 'add', 'copilot', ...common)) as { line: string };
    const login = added.line.split(' ').slice(1);
    must(await job(login.map((word) => (word === 'FILE' ? own : word))), login);
    const exec = ['exec', stage.device, '--', 'echo', 'helped'];
    assert.equal((await job(exec)).code, 77, 'for nobody it may nothing');
    const words = ['delegate', 'copilot', '--target', stage.device, '--kind', 'exec', '--for', '10m'];
    const { id } = JSON.parse(must(await stage.ana(...words, '--json'), words)) as { readonly id: string };
    const acting = { SALLYPORT_DELEGATION: id };
    assert.equal((await job(exec, acting)).stdout, 'helped\n');
    const listed = must(await stage.ana('delegations', 'ls'), ['delegations', 'ls']);
    assert.match(listed, /copilot +ana +exec +pump-\S+/);
    const [session] = (await stage.sessions()).filter(({ id: one }) => one !== '');
    assert.ok(session !== undefined);
    const shown = JSON.parse(
      must(await stage.ana('sessions', 'show', session.id, '--json'), ['sessions', 'show']),
    ) as { readonly behalf?: readonly { readonly name: string }[] };
    assert.deepEqual(
      shown.behalf?.map(({ name }) => name),
      ['ana'],
    );
    const around = stage.surroundings('device');
    const env = { ...around.env, SALLYPORT_HOME: join(stage.folder, 'home-job'), ...acting };
    const ticks = ['exec', stage.device, '--', 'sh', '-c', 'while :; do echo tick; sleep 0.05; done'];
    const live = stage.start(ticks, { ...around, env });
    await live.prints(/tick/);
    const ended = stage.ana('delegations', 'end', id);
    must(await ended, ['delegations', 'end']);
    const told = performance.now();
    assert.equal((await live.finished()).code, 255);
    const ms = performance.now() - told;
    t.diagnostic(`what it had open ended ${Math.round(ms)} ms after the answer`);
    assert.ok(ms < 1_000, `${ms} ms`);
    const over = await job(exec, acting);
    assert.equal(over.code, 77);
    assert.match(over.stderr, /the delegation does not hold: it was ended\nnext: the person whom it is for/);
  });

  test('R-025 a machine with a key of its own works, and is locked with its owner', async () => {
    const pair = generateEd25519();
    const [own, half] = [join(stage.folder, 'own.key'), join(stage.folder, 'own.pub')];
    await writeFile(own, privatePem(pair.privateKey), { mode: 0o600 });
    await writeFile(half, pair.publicKey.export({ type: 'spki', format: 'pem' }));
    const line = await add('backup', '--key', half);
    const login = line.map((word) => (word === 'FILE' ? own : word));
    must(await job(login), login);
    assert.equal((await job(['exec', stage.device, '--', 'true'])).code, 0);
    must(await stage.admin('lock', 'add', '--identity', 'ana', '--reason', 'left'), ['lock']);
    assert.equal((await job(['exec', stage.device, '--', 'true'])).code, 77);
    assert.equal((await job(login)).code, 77);
    must(await stage.admin('audit', 'verify'), ['audit', 'verify']);
  });
});
