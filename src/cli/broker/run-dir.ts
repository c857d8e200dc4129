// Where the unix sockets between the broker's two processes lie: in the data directory, or, where its path
// is too long for a socket, in a temporary folder of our own.

import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SallyportError } from '../../core/errors.ts';
import { ensurePrivateDir } from '../../platform/files.ts';

/** A unix socket's path is limited to 107 bytes (unix(7)); the longest name of ours has 13. */
const socketDirMaxBytes = 90;

export async function makeRunDir(
  dataDir: string,
): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = join(dataDir, 'run');
  if (Buffer.byteLength(path) <= socketDirMaxBytes) {
    await ensurePrivateDir(path);
    return { path, remove: async () => undefined };
  }
  const short = await mkdtemp(join(tmpdir(), 'sallyport-run-'));
  return { path: short, remove: async () => await rm(short, { recursive: true, force: true }) };
}

/** Throws SallyportError when somebody answers on the sockets already. */
export async function refuseSecondBroker(dataDir: string, runDir: string): Promise<void> {
  const isTaken = await new Promise<boolean>((answer) => {
    const socket = connect(join(runDir, 'control.sock'));
    socket.once('connect', () => {
      socket.destroy();
      answer(true);
    });
    socket.once('error', () => answer(false));
  });
  if (isTaken) {
    throw new SallyportError('conflict', `another broker is running on "${dataDir}"`, {
      next: 'stop it first, or give this one another --data directory',
    });
  }
}
