// sallyport broker backup FILE --to RECIPIENT: everything that a broker needs to come back, encrypted to a key
// whose other half lies elsewhere. The broker runs on meanwhile; where it does not run, its files are taken as
// they are. Nothing unencrypted is written outside the data directory.

import { createWriteStream, existsSync } from 'node:fs';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { snapshotOfStopped } from '../../../authority/backup/stopped.ts';
import { SallyportError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import { printable } from '../../../core/printable.ts';
import { BundleFault, packBundle, type Entry } from '../../../platform/bundle.ts';
import { errnoOf, fileFault } from '../../../platform/file-fault.ts';
import { parseRecipient, seal } from '../../../platform/sealed-stream.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { askLocal, localSocketOf } from '../../broker/ask-local.ts';
import { loadConfig } from '../../broker/load-config.ts';
import { print, printJson } from '../../output.ts';
import { ownVersion } from '../version.ts';
import { defaultDataDir } from './run.ts';

export interface BrokerBackupOptions extends CommonOptions {
  readonly file: string;
  readonly to: string;
  readonly data?: string;
  readonly force?: boolean;
}

/** Of what is in a backup. */
export const backupFormat = 1;

export async function run(options: BrokerBackupOptions): Promise<number> {
  const recipient = parseRecipient(options.to);
  if (recipient === undefined) {
    throw new SallyportError('invalid', `"${printable(options.to, 60)}" is no key to back up to`, {
      next: 'make one with "sallyport broker backup-key FILE", and give what it prints',
    });
  }
  const file = resolve(options.file);
  if (existsSync(file) && options.force !== true) {
    throw new SallyportError('conflict', `"${printable(file)}" is there already`, {
      next: 'choose another name, or overwrite it with --force',
    });
  }
  const dataDir = resolve(options.data ?? defaultDataDir());
  const config = await loadConfig(dataDir, {});
  const snapshot = await takeSnapshot(dataDir);
  const partial = join(dirname(file), `.${basename(file)}.${process.pid}.part`);
  try {
    const manifest = {
      format: backupFormat,
      version: ownVersion(),
      broker: config.name,
      takenAt: new Date().toISOString(),
      log: { size: snapshot.size, chainHash: snapshot.chainHash },
      stateEpoch: snapshot.stateEpoch,
    };
    const sealed = seal(packBundle(entries(dataDir, snapshot.path, manifest)), recipient);
    const bytes = await writeSealed(partial, sealed).catch((error: unknown) => {
      throw asFileFault(error, file);
    });
    await rename(partial, file);
    if (options.json === true) printJson({ file, bytes, ...manifest });
    else {
      print(`"${printable(file)}": ${Math.ceil(bytes / 1024)} KiB, the log up to event ${snapshot.size}`);
      print(`it opens with the other half of ${options.to} alone; try it: sallyport broker restore`);
    }
  } finally {
    await rm(partial, { force: true });
    await rm(snapshot.path, { force: true });
  }
  return 0;
}

interface Snapshot {
  readonly path: string;
  readonly size: number;
  readonly chainHash: string;
  readonly stateEpoch: number;
}

async function takeSnapshot(dataDir: string): Promise<Snapshot> {
  if (!existsSync(localSocketOf(dataDir))) return await snapshotOfStopped(join(dataDir, 'authority'));
  const { path, size, chainHash, stateEpoch } = await askLocal(
    dataDir,
    { do: 'snapshot' },
    { timeoutMs: limits.snapshotMaxMs },
  );
  if (
    typeof path !== 'string' ||
    typeof size !== 'number' ||
    typeof chainHash !== 'string' ||
    typeof stateEpoch !== 'number'
  )
    throw new SallyportError('version_unsupported', 'the broker that runs gave no snapshot', {
      next: 'it is of another version than this command: restart it, then try again',
    });
  return { path, size, chainHash, stateEpoch };
}

/** Of the data directory, besides the database. Files that these name stand elsewhere: they are their owner's to keep. */
const places = [
  'broker.yaml',
  'notifications.yaml',
  'providers.yaml',
  'tickets.yaml',
  'policies',
  'authority/keys',
];

async function* entries(dataDir: string, snapshot: string, manifest: object): AsyncGenerator<Entry> {
  yield { path: 'manifest.json', content: Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`) };
  yield { path: 'authority/store.db', content: { file: snapshot } };
  for (const place of places) {
    for await (const file of filesBelow(join(dataDir, place))) {
      yield { path: relative(dataDir, file), content: { file } };
    }
  }
}

async function* filesBelow(path: string): AsyncGenerator<string> {
  if (!existsSync(path)) return;
  if ((await stat(path)).isFile()) return yield path;
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) yield join(entry.parentPath, entry.name);
  }
}

function asFileFault(error: unknown, file: string): unknown {
  if (error instanceof BundleFault) {
    return new SallyportError('local_file', `the backup was not finished: ${error.message}`, {
      next: 'something changed while it was read: try again',
      cause: error,
    });
  }
  return errnoOf(error) === undefined ? error : fileFault(error, 'write', file);
}

/** Private, and on the disk when this resolves. */
async function writeSealed(path: string, sealed: AsyncIterable<Buffer>): Promise<number> {
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (process.stderr.isTTY) process.stderr.write(`\r${Math.round(bytes / 2 ** 20)} MiB`);
      done(null, chunk);
    },
  });
  await pipeline(Readable.from(sealed), count, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  return bytes;
}
