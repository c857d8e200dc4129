// The api's two doors: unix sockets that only the gate reaches. It passes connections through raw, after
// one PROXY line; TLS 1.3 ends here. `api-mtls.sock` takes the CLI and agents and demands a certificate
// that our root stands behind; `api.sock` takes everybody else and never asks for one.

import { join } from 'node:path';
import type { AuthorityContext } from '../context.ts';
import type { ServerIdentity } from '../pki/server-identity.ts';
import { TlsDoor, type DoorKind } from './tls-door.ts';
import type { Api } from './server.ts';

export interface ListenOptions {
  /** Where api.sock and api-mtls.sock are made. */
  readonly runDir: string;
  /** Of the sockets; default 0600, private to this user. */
  readonly socketMode?: number;
  readonly ctx: Pick<AuthorityContext, 'clock' | 'log' | 'pki'>;
}

export interface ApiListener {
  /** The certificate of new connections; until the first one, connections are closed unanswered. */
  setIdentity(identity: Pick<ServerIdentity, 'key' | 'cert'>): void;
  /** Lets requests under way finish, within their deadline. Idempotent. */
  close(): Promise<void>;
  /** Destroys every connection. Idempotent. */
  abort(): void;
}

const kinds: readonly (DoorKind & { readonly file: string })[] = [
  { file: 'api-mtls.sock', asksCertificate: true, alpn: ['sallyport-api'] },
  { file: 'api.sock', asksCertificate: false, alpn: ['http/1.1'] },
];

export async function listenApi(api: Api, options: ListenOptions): Promise<ApiListener> {
  const doors = kinds.map((kind) => ({
    path: join(options.runDir, kind.file),
    door: new TlsDoor(api, kind, options.ctx),
  }));
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
      for (const { door } of doors) door.setIdentity(identity);
    },
    close: async () => {
      await Promise.all(doors.map(async ({ door }) => await door.close()));
    },
    abort,
  };
}
