// A gate and an agent of the real code, with an authority double that welcomes the one device, says yes to
// every channel, and really signs both; and operators who really sign what they open. For tests under load:
// gate and agent may live in processes of their own.

import { createPublicKey } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { TestContext } from 'node:test';
import { paramsToJson, type ChannelParams } from '../../src/core/channel.ts';
import { canonicalJson, parseJsonObject } from '../../src/core/json.ts';
import { limits } from '../../src/core/limits.ts';
import type { StartedRequest } from '../../src/link/client-session.ts';
import { spkiOf } from '../../src/platform/keys.ts';
import { readOpen, type Open } from '../../src/wire/pass.ts';
import { keyId, sha256, signStatement, spkiThumbprint } from '../../src/wire/signed.ts';
import type { FakeAuthority } from './fake-authority.ts';
import { startOperator, type FakeOperator } from './gate-peers.ts';
import { joinDevice, newStatements } from './statements.ts';
import type { TestCa } from './test-ca.ts';

export interface Pair {
  /** Where an agent finds its state; it dials the gate's port. */
  readonly stateDir: string;
  /** Resolves when the agent's link was accepted. */
  readonly linked: Promise<void>;
  /** Somebody whose connections share nothing with those of another name. */
  operator(name: string): Promise<SigningOperator>;
}

export interface SigningOperator extends FakeOperator {
  /** One more channel; nothing is waited for. */
  start(session: string, params: ChannelParams): StartedRequest;
}

/** Ends with the test. The gate listens at the port. */
export async function startPair(
  t: Pick<TestContext, 'after'>,
  { ca, authority, port }: { readonly ca: TestCa; readonly authority: FakeAuthority; readonly port: number },
): Promise<Pair> {
  const statements = newStatements(ca);
  const joined = await joinDevice(ca, statements, `127.0.0.1:${port}`);
  t.after(() => rm(joined.stateDir, { recursive: true, force: true }));
  const device = joined.state.deviceId;
  const { promise: linked, resolve: isLinked } = Promise.withResolvers<void>();
  const sessions = new Set<string>();
  const thumbprints = new Map<string, string>();
  let link = '';
  let linkNonce = '';
  let seq = 0;
  const lease = (): string =>
    statements.lease({ device, linkNonce, seq: (seq += 1), sessions: [...sessions] });

  authority.answers.link = (body) => {
    ({ link } = body);
    ({ linkNonce } = body.hello);
    const welcome = statements.welcome({ device, linkNonce });
    isLinked();
    return { device, name: 'pump-7', linkEpoch: 1, welcome, keyset: statements.keyset(), lease: lease() };
  };
  authority.answers.channel = ({ open: statement }) => {
    const open = openIn(statement);
    const cnf = thumbprints.get(open.spki);
    if (cnf === undefined) throw new Error('a stranger asks');
    sessions.add(open.session);
    const { spki: _spki, ...about } = open;
    const pass = statements.pass({ ...about, device, cnf, leaseSeq: seq });
    return {
      link,
      pass,
      n: open.n,
      idleMs: limits.idleDefaultMs,
      mustEndAt: Date.now() + limits.sessionDefaultMs,
    };
  };
  const orderLease = (): void => authority.order({ type: 'lease', link, lease: lease() });
  authority.onTold = ({ path, body }) => {
    if (path === '/gate/sessions/ended' && sessions.delete(String(body['session']))) orderLease();
  };
  // Receipts are not what this world is for: the agent keeps them.
  authority.onApi = (socket) => socket.destroy();
  const leasing = setInterval(() => {
    if (link !== '') orderLease();
  }, limits.leaseIntervalMs);
  t.after(() => clearInterval(leasing));

  return {
    stateDir: joined.stateDir,
    linked,
    async operator(name) {
      const leaf = await ca.leaf('human', name);
      const publicKey = createPublicKey(leaf.privateKey);
      const spki = spkiOf(publicKey).toString('base64url');
      const signer = { kid: keyId(publicKey), privateKey: leaf.privateKey };
      thumbprints.set(spki, spkiThumbprint(publicKey));
      const operator = await startOperator({ ca, port, leaf });
      let n = 0;
      return {
        ...operator,
        start(session, params) {
          const text = canonicalJson(paramsToJson(params));
          const { kind } = params;
          const open = { session, n: n++, kind, target: 'pump-7', paramsHash: sha256(text), linkNonce, spki };
          return operator.client.start({
            path: `/channels/${kind}`,
            headers: {
              'sallyport-version': '1',
              'sallyport-session': session,
              'sallyport-open': signStatement('open', open, signer),
              'sallyport-params': Buffer.from(text).toString('base64url'),
            },
          });
        },
      };
    },
  };
}

/** As it says, without a look at its signature: that is the agent's to check. */
function openIn(statement: string): Open {
  const payload = Buffer.from(statement.split('.', 1)[0] ?? '', 'base64url').toString('utf8');
  const open = readOpen(parseJsonObject(payload) ?? {});
  if (open === undefined) throw new Error(`no open: ${payload}`);
  return open;
}
