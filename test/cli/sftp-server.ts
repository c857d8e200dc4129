// An SFTP server over standard input and output as a ByteStream: OpenSSH's own, or ours as the agent starts
// it. What cp is tested against without a broker in between.

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { once } from 'node:events';
import type { FilesParams } from '../../src/core/channel.ts';
import type { ByteStream } from '../../src/link/byte-stream.ts';
import { socketStream } from '../../src/link/socket-stream.ts';
import { program } from './run-cli.ts';

const openSsh = '/usr/lib/openssh/sftp-server';
export const hasOpenSsh = existsSync(openSsh);

export interface ServerUnderTest {
  readonly stream: ByteStream;
  readonly child: ChildProcess;
  /** Ends it and waits for that. */
  end(): Promise<void>;
}

export function startOpenSsh(folder: string, options: { readonly umask?: string } = {}): ServerUnderTest {
  const args = ['-d', folder, ...(options.umask === undefined ? [] : ['-u', options.umask])];
  return overStdio(openSsh, args);
}

export function startOurs(params: Pick<FilesParams, 'mode' | 'roots'>): ServerUnderTest {
  const text = JSON.stringify({ kind: 'files', ...params });
  return overStdio(process.execPath, [program, 'agent', 'files-server', '--params', text]);
}

function overStdio(file: string, args: readonly string[]): ServerUnderTest {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.on('error', () => child.stdin.destroy());
  const closed = once(child, 'close');
  const duplex = Duplex.from({ writable: child.stdin, readable: child.stdout });
  // What a server that is killed leaves behind is a cut, which the stream tells by itself.
  duplex.on('error', () => undefined);
  return {
    stream: socketStream(duplex),
    child,
    async end() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}
