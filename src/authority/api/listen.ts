// The api's three doors: unix sockets that only the gate reaches. It passes connections through raw, after
// one PROXY line; TLS 1.3 ends here. `api-mtls.sock` takes the CLI and agents and demands a certificate
// that our root stands behind; `api.sock` takes those of them that have none yet; `web.sock` takes browsers, and shows
// the console's certificate where there is a console.

import { apiAlpn, publicAlpn } from '../../wire/alpn.ts';
import { join } from 'node:path';
import type { AuthorityContext } from '../context.ts';
import type { ServerIdentity } from '../pki/server-identity.ts';
import { TlsDoor, type DoorKind } from './tls-door.ts';
import type { Api } from './server.ts';

export interface ListenOptions {
  /** Where the sockets are made. */
  readonly runDir: string;
  /** Of the sockets; default 0600, private to this user. */
  readonly socketMode?: number;
  readonly ctx: Pick<AuthorityContext, 'clock' | 'log' | 'pki' | 'broker'>;
}

export interface ApiListener {
  /** The certificate of new connections; until the first one, connections are closed unanswered. */
  setIdentity(identity: Pick<ServerIdentity, 'key' | 'cert'>): void;
  /** The same for browsers; without a console they are shown the other one. */
  setConsoleIdentity(identity: Pick<ServerIdentity, 'key' | 'cert'>): void;
  /** Lets requests under way finish, within their deadline. Idempotent. */
  close(): Promise<void>;
  /** Destroys every connection. Idempotent. */
  abort(): void;
}

const kinds: readonly (Omit<DoorKind, 'isConsole'> & { readonly file: string; readonly isWeb?: true })[] = [
  { file: 'api-mtls.sock', asksCertificate: true, alpn: [apiAlpn] },
  { file: 'api.sock', asksCertificate: false, alpn: [publicAlpn] },
  { file: 'web.sock', asksCertificate: false, alpn: ['http/1.1'], isWeb: true },
];

export async function listenApi(api: Api, options: ListenOptions): Promise<ApiListener> {
  const hasConsole = options.ctx.broker.console !== undefined;
  const doors = kinds.map(({ file, isWeb, ...kind }) => {
    const isConsole = isWeb === true && hasConsole;
    return {
      path: join(options.runDir, file),
      isConsole,
      door: new TlsDoor(api, { ...kind, isConsole }, options.ctx),
    };
  });
  const abort = (): void => {
    for (const { door } of doors) door.abort();
  };
  try {
    for (const { door, path } of doors) await door.listen(path, options.socketMode ?? 0o600);
  } catch (error) {
    abort();
    throw error;
  }
  return {
    setIdentity(identity) {
      for (const { door, isConsole } of doors) if (!isConsole) door.setIdentity(identity);
    },
    setConsoleIdentity(identity) {
      for (const { door, isConsole } of doors) if (isConsole) door.setIdentity(identity);
    },
    close: async () => {
      await Promise.all(doors.map(async ({ door }) => await door.close()));
    },
    abort,
  };
}
