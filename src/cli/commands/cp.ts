// sallyport cp SRC… DST: files to a device or from one. Which way is in the arguments; the copying itself
// is in ../files.

import { constants } from 'node:os';
import type { FilesParams } from '../../core/channel.ts';
import { exitStatus } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { openChannel, type OpenedChannel } from '../channel/open-channel.ts';
import { explainEnd } from '../channel/session-end.ts';
import { readTask, rootsOf, type TypedTask } from '../files/copy-task.ts';
import { CopyReport } from '../files/copy-report.ts';
import { runCopy } from '../files/copy-job.ts';
import { LocalSide } from '../files/local-side.ts';
import { findSources } from '../files/plan.ts';
import { ChannelCut, SftpClient } from '../files/sftp-client.ts';
import { durationFlag } from '../moment.ts';
import type { SignIn } from '../profile.ts';
import { freshSignIn } from '../renewal.ts';

interface Options extends CommonOptions {
  readonly src: readonly string[];
  readonly dst: string;
  readonly recursive?: boolean;
  readonly resume?: boolean;
  readonly for?: string;
  readonly wait?: string;
  readonly ticket?: string;
}

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export async function run(options: Options): Promise<number> {
  const typed = readTask(options.src, options.dst);
  const forMs = durationFlag('for', options.for);
  const waitMs = durationFlag('wait', options.wait);
  await refuseMissing(typed, options);
  const me = await freshSignIn(options, Date.now());
  const params: FilesParams = {
    kind: 'files',
    mode: typed.task.way === 'up' ? 'write' : 'read',
    roots: rootsOf(typed.task),
  };
  const channel = await openChannel(me, {
    target: typed.device,
    params,
    forMs,
    waitMs,
    ticket: options.ticket,
  });
  try {
    return await copy(me, channel, { typed, options });
  } finally {
    channel.close();
  }
}

/** What is not here needs no session to be told. */
async function refuseMissing({ task }: TypedTask, options: Options): Promise<void> {
  if (task.way === 'down') return;
  const side = new LocalSide(limits.frameMaxBytes);
  for (const { path } of task.from) {
    const isRecursive = options.recursive === true;
    await findSources(side, { path: Buffer.from(path), pattern: [], isRecursive });
  }
}

interface Asked {
  readonly typed: TypedTask;
  readonly options: Options;
}

async function copy(me: SignIn, channel: OpenedChannel, { typed, options }: Asked): Promise<number> {
  const report = new CopyReport({ isJson: options.json === true });
  const stop = new AbortController();
  let stoppedBy: (typeof stopSignals)[number] | undefined;
  for (const signal of stopSignals) {
    process.on(signal, () => {
      // Twice means at once: the connection goes, and with it whatever is waited for.
      if (stoppedBy !== undefined) channel.close();
      stoppedBy = signal;
      stop.abort(new Error('stopped from here'));
    });
  }
  try {
    const client = await SftpClient.open(channel.stream);
    await runCopy(client, typed.task, {
      device: typed.device,
      isRecursive: options.recursive === true,
      isResume: options.resume === true,
      signal: stop.signal,
      ...report.events,
    });
    await endWithin(client);
    report.end();
    return exitStatus.done;
  } catch (error) {
    const isCut = error instanceof ChannelCut;
    report.stopped({ canResume: isCut || stoppedBy !== undefined });
    if (stoppedBy !== undefined) return 128 + constants.signals[stoppedBy];
    if (isCut) throw await explainEnd(me, channel.session, error);
    throw error;
  }
}

/** All is copied and proved by now: a device that does not end its side is not waited for long. */
async function endWithin(client: SftpClient): Promise<void> {
  await Promise.race([
    client.close(),
    new Promise((resolve) => {
      setTimeout(resolve, limits.closeGraceMs).unref();
    }),
  ]);
}
