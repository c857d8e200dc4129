// The files server: SFTP packets in, replies out, until the input ends. A process of its own for each
// channel, as the OS user of the channel and in its session's scope, so that a cut ends it like a command.

import type { Readable, Writable } from 'node:stream';
import type { FilesParams } from '../../core/channel.ts';
import { extension, sftpVersion, SftpError } from '../../wire/sftp/codes.ts';
import { PacketReader } from '../../wire/sftp/packets.ts';
import { encodeReply } from '../../wire/sftp/replies.ts';
import { decodeRequest } from '../../wire/sftp/requests.ts';
import { Answers } from './answers.ts';
import { ConfinedTree } from './confined-tree.ts';
import { namesOf } from './device-path.ts';
import { FilesRequests } from './requests.ts';

export interface ServeFiles {
  readonly params: Pick<FilesParams, 'mode' | 'roots'>;
  /** Of the OS user, absolute: where "~" and relative paths begin. */
  readonly home: string;
  readonly input: Readable;
  readonly output: Writable;
}

/** Resolves when the input has ended and every reply was handed on. Throws SftpError when it is no SFTP. */
export async function serveFiles({ params, home, input, output }: ServeFiles): Promise<void> {
  const { mode, roots } = params;
  const homeNames = namesOf(home, []);
  const tree = new ConfinedTree(
    roots.map((root) => namesOf(root, homeNames)),
    { mayWrite: mode === 'write' },
  );
  const requests = new FilesRequests({ mode, tree, home: homeNames });
  const answers = new Answers(requests, output);
  const reader = new PacketReader();
  let isAgreed = false;
  try {
    for await (const chunk of input as AsyncIterable<Buffer>) {
      reader.push(chunk);
      for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
        const request = decodeRequest(packet);
        if (request.type === 'init') {
          if (isAgreed || request.version < sftpVersion)
            throw new SftpError('an INIT that cannot be answered');
          isAgreed = true;
          output.write(encodeReply({ type: 'version', version: sftpVersion, extensions: extensions(mode) }));
        } else if (isAgreed) await answers.take(request);
        else throw new SftpError('a request before INIT');
      }
    }
    await answers.end();
    if (!reader.isAtBorder) throw new SftpError('the input ends inside a packet');
  } finally {
    requests.handles.closeAll();
    tree.close();
  }
}

function extensions(mode: FilesParams['mode']): ReadonlyMap<string, string> {
  const reading = [
    [extension.limits, '1'],
    [extension.sha256, '1'],
  ] as const;
  const writing = [
    [extension.posixRename, '1'],
    [extension.fsync, '1'],
  ] as const;
  return new Map<string, string>(mode === 'read' ? reading : [...reading, ...writing]);
}
