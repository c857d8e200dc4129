// `agent join`: this machine becomes a device (docs/protocol.md, "Tokens"). First contact by the token's
// fingerprint, a key that is made here and stays here, one redeem over TLS with the root pinned. The state
// is written last: a join that failed anywhere leaves nothing that looks like a device.

import { X509Certificate, type KeyObject } from 'node:crypto';
import { parseBreakGlassKeys } from '../core/break-glass.ts';
import { SallyportError } from '../core/errors.ts';
import { parseToken } from '../core/token.ts';
import { parseAddress } from '../link/address.ts';
import { apiRequest } from '../link/api-client.ts';
import { chooseProxy, type Environment } from '../link/choose-proxy.ts';
import { firstContact, type KnownBroker } from '../link/first-contact.ts';
import { createCsr } from '../platform/csr.ts';
import { ensurePrivateDir } from '../platform/files.ts';
import { generateP256, spkiOf, storePrivateKey } from '../platform/keys.ts';
import { complete, text, whole, type Fields } from '../wire/fields.ts';
import { openKeyset } from '../wire/keyset.ts';
import { peerOf } from '../wire/tls-peer.ts';
import { sha256 } from '../wire/signed.ts';
import { storePinnedKeys } from './break-glass/pinned-keys.ts';
import { bindToMachine, readMachineId } from './machine.ts';
import { givenProxy, keepProxy, type ProxyFlags } from './proxy.ts';
import { defaultStateDir, keyPath, loadState, saveState, type AgentState } from './state.ts';

export interface JoinOptions {
  /** "host:port" of the broker. */
  readonly address: string;
  readonly token: string;
  /** State directory; default ~/.sallyport-agent. */
  readonly state?: string | undefined;
  /** Unix ms. */
  readonly now?: number;
  /** Said on purpose, and kept for the runs that follow; default: as the environment says. */
  readonly flags?: ProxyFlags;
  readonly env?: Environment;
}

export interface Joined {
  readonly deviceId: string;
  readonly name: string;
  readonly broker: string;
  readonly dir: string;
  /** It has joined, and waits until a person accepts it. */
  readonly isPending: boolean;
  /** The environment's proxy that it went through: nothing keeps it for a service. */
  readonly passingProxy?: string;
}

export async function joinAgent(options: JoinOptions): Promise<Joined> {
  const dir = options.state ?? defaultStateDir();
  const token = requireToken(options.token);
  await refuseSecondJoin(dir);
  const given = givenProxy(options.flags ?? {});
  const { proxy, from } = chooseProxy(parseAddress(options.address), { given, env: options.env ?? {} });
  const broker = await firstContact({
    address: options.address,
    proxy,
    rootFingerprint: token.rootFingerprint,
    now: options.now ?? Date.now(),
  });
  const key = generateP256().privateKey;
  const { body } = await apiRequest({
    address: options.address,
    proxy,
    root: broker.root,
    trustDomain: broker.trustDomain,
    method: 'POST',
    path: '/v1/enrollments/redeem',
    body: { token: options.token, csr: await createCsr(key) },
    // An answer that got lost on the way can be asked for again; a token works once.
    idempotencyKey: sha256(`join ${options.token} ${spkiOf(key).toString('base64url')}`),
  });
  const state = readRedeemed(body, { address: options.address, broker, key });
  await ensurePrivateDir(dir);
  await storePrivateKey(keyPath(dir), key);
  if (given !== undefined) await keepProxy(dir, given);
  await bindToMachine(dir, await readMachineId());
  const offered = isFields(body) ? parseBreakGlassKeys(body['breakGlass']) : undefined;
  if (offered !== undefined) await storePinnedKeys(dir, { keys: offered, by: 'broker' });
  await saveState(dir, state);
  return {
    deviceId: state.deviceId,
    name: state.name,
    broker: state.broker,
    dir,
    isPending: isFields(body) && body['hold'] === 'pending',
    ...(given === undefined && proxy !== undefined ? { passingProxy: from } : {}),
  };
}

function requireToken(value: string): { readonly rootFingerprint: string } {
  const token = parseToken(value);
  if (token === undefined) {
    throw new SallyportError('invalid', 'this is not a token, or a part of it is missing', {
      next: 'paste the whole line that "sallyport devices invite" printed',
    });
  }
  if (token.kind === 'device') return token;
  throw new SallyportError('invalid', 'this token is an invite for a person, not for a device', {
    next: 'on your own machine: sallyport login ADDRESS --invite …; for a device: sallyport devices invite NAME',
  });
}

/** A device keeps its identity: throwing it away is something a person does on purpose. */
async function refuseSecondJoin(dir: string): Promise<void> {
  const known = await loadState(dir);
  if (known === undefined) return;
  throw new SallyportError(
    'conflict',
    `"${dir}" already is the device "${known.name}" of "${known.address}"`,
    {
      next: 'to join anew, stop the agent and move that directory away; or choose another one with --state',
    },
  );
}

function readRedeemed(
  body: unknown,
  facts: { readonly address: string; readonly broker: KnownBroker; readonly key: KeyObject },
): AgentState {
  const { broker, address, key } = facts;
  const fields: Fields = isFields(body) ? body : {};
  const renewal: Fields = isFields(fields['renewal']) ? fields['renewal'] : {};
  const n = whole(renewal, 'n');
  const secret = text(renewal, 'secret');
  const keysetText = text(fields, 'keyset');
  const opened =
    keysetText === undefined ? undefined : openKeyset(keysetText, new X509Certificate(broker.root));
  const keyset = opened?.keyset;
  const state = complete<AgentState>({
    address,
    broker: text(fields, 'broker'),
    root: opened?.root.toString(),
    trustDomain: broker.trustDomain,
    env: broker.env,
    deviceId: text(fields, 'id'),
    name: text(fields, 'name'),
    certificate: text(fields, 'certificate'),
    keyset: keysetText,
    keysetVersion: keyset?.trustDomain === broker.trustDomain ? keyset.version : undefined,
    stateEpoch: whole(fields, 'stateEpoch'),
    renewal: n === undefined || secret === undefined ? undefined : { n, secret },
  });
  if (state !== undefined && isOwnCertificate(state, key)) return state;
  throw new SallyportError(
    'unavailable',
    `"${address}" answered with something that is no device certificate`,
    {
      next: 'check that broker and agent are of the same version, and ask for a new invite',
    },
  );
}

/** The certificate names this device and carries this key: anything else must not be used. */
export function isOwnCertificate(
  state: Pick<AgentState, 'certificate' | 'deviceId' | 'trustDomain'>,
  key: KeyObject,
): boolean {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(state.certificate);
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
  const peer = peerOf(leaf);
  return (
    typeof peer !== 'string' &&
    peer.kind === 'device' &&
    peer.id === state.deviceId &&
    peer.trustDomain === state.trustDomain &&
    leaf.checkPrivateKey(key)
  );
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
