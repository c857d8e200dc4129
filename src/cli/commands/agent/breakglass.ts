// sallyport agent breakglass FILE: the shell of this device, by offline keys (docs/break-glass.md).

import { resolve } from 'node:path';
import { openOnSite } from '../../../agent/break-glass/by-owner.ts';
import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { readOnSiteFile, sealedFields } from '../../break-glass/sealed-text.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { runChannel } from '../../channel/run-channel.ts';
import { localPty } from '../../channel/terminal.ts';
import { localTimeAndDistance } from '../../moment.ts';
import { printFields } from '../../output.ts';

interface Options extends CommonOptions {
  readonly file: string;
  readonly state?: string;
}

export async function run(options: Options): Promise<number> {
  const { request, ...file } = await readOnSiteFile(resolve(options.file));
  const pty = localPty('"agent breakglass"', 'type it at a terminal of the device');
  printFields(sealedFields(request, Date.now()));
  const state = options.state === undefined ? undefined : resolve(options.state);
  const { opened, stream } = await openOnSite(file, pty, { state });
  const asked = opened.wasAsked ? 'the broker agreed' : 'the broker does not answer, and is told later';
  const by = opened.signers.map((name) => printable(name)).join(' and ');
  process.stderr.write(
    `open, by the keys of ${by}; ${asked}; recorded; until ${localTimeAndDistance(opened.endsAt, Date.now()) ?? ''}\n`,
  );
  return await runChannel(
    { stream, close: () => stream.abort(new Error('ended here')) },
    { isTerminal: true, explain: (cause) => explain(opened.endsAt, cause) },
  );
}

/** The agent's end of the socket is gone, and with it whoever could say more. */
function explain(endsAt: string, cause: unknown): SallyportError {
  const isOver = Date.now() >= Date.parse(endsAt) - closeMs;
  const why = isOver
    ? 'its time is up'
    : 'the owner or the end of the agent cut it, or it could not be recorded';
  return new SallyportError('session_ended', `session ended: ${why}`, {
    next: isOver
      ? 'for more time another sealed request is signed'
      : "see: sallyport agent status, and the agent's log",
    cause,
  });
}

const closeMs = 1_000;
