// sallyport agent files-server: started by the agent for each files channel, never typed. Standard input
// and output are the channel; standard error says "ready", or what went wrong. The parameters are an
// argument and not the first line, so that the input is SFTP from its first byte and any client can be put
// in front (`sftp -D`); they are no secret.

import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { serveFiles } from '../../../agent/files-server/serve.ts';
import { parseParams } from '../../../core/channel.ts';
import { exitStatus, SallyportError } from '../../../core/errors.ts';
import { SftpError } from '../../../wire/sftp/codes.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';

export interface FilesServerOptions extends CommonOptions {
  readonly params: string;
}

export async function run(options: FilesServerOptions): Promise<number> {
  const params = parseParams(parseJson(options.params));
  if (typeof params === 'string' || params.kind !== 'files') {
    throw new SallyportError('invalid', 'these are not the parameters of a files channel');
  }
  // Confinement stands on it, and only Linux has it.
  if (statSync('/proc/self/fd', { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new SallyportError('service_failed', 'this device has no /proc, so files cannot be confined');
  }
  process.stderr.write('ready\n');
  try {
    await serveFiles({ params, home: homedir(), input: process.stdin, output: process.stdout });
    return exitStatus.done;
  } catch (error) {
    if (!(error instanceof SftpError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return exitStatus.failed;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
