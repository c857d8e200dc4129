// sallyport broker restore FILE --key KEYFILE --data NEWDIR: into a directory where no broker is; whole, or
// nothing. Everything is decrypted and checked beside it first, and takes the place at the end.

import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { readExport } from '../../../authority/backup/restore.ts';
import { restoreStopped } from '../../../authority/backup/stopped.ts';
import { loadOrCreateAuthorityKeys } from '../../../authority/pki/authority-keys.ts';
import { SallyportError } from '../../../core/errors.ts';
import { parseJsonObject } from '../../../core/json.ts';
import { printable } from '../../../core/printable.ts';
import { BundleFault, unpackBundle } from '../../../platform/bundle.ts';
import { systemClock } from '../../../platform/clock.ts';
import { readPrivateFile } from '../../../platform/files.ts';
import { systemRandom } from '../../../platform/random.ts';
import { parseSealKey, SealFault, unseal } from '../../../platform/sealed-stream.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { loadConfig } from '../../broker/load-config.ts';
import { printFields, printJson, print } from '../../output.ts';
import { readText } from '../../read-text.ts';
import { backupFormat } from './backup.ts';
import { defaultDataDir } from './run.ts';

export interface BrokerRestoreOptions extends CommonOptions {
  readonly file: string;
  readonly key: string;
  readonly data?: string;
  readonly locks?: string;
}

export async function run(options: BrokerRestoreOptions): Promise<number> {
  const dataDir = resolve(options.data ?? defaultDataDir());
  await refuseUsed(dataDir);
  const key = await readKey(resolve(options.key));
  const since = options.locks === undefined ? undefined : readExport(await readText(resolve(options.locks)));
  const work = join(dirname(dataDir), `.${basename(dataDir)}.${process.pid}.restoring`);
  try {
    await mkdir(work, { mode: 0o700 });
    await unpack(resolve(options.file), key, work);
    const manifest = await readManifest(work);
    const config = await loadConfig(work, {});
    const keys = join(work, 'authority', 'keys');
    if (!existsSync(join(keys, 'keyset.txt'))) throw broken('the keys of the authority are not in it');
    const facts = {
      clock: systemClock,
      random: systemRandom,
      trustDomain: config.trustDomain,
      env: config.env,
    };
    const { rootFingerprint } = await loadOrCreateAuthorityKeys({ dir: keys, ...facts });
    const { check, restoration } = await restoreStopped(join(work, 'authority'), since);
    if (restoration === undefined) throw broken(`its log is not whole: ${check.fault ?? ''}`);
    await rm(join(work, 'manifest.json'));
    await rm(dataDir, { recursive: true, force: true });
    await rename(work, dataDir);
    if (options.json === true) printJson({ dataDir, manifest, rootFingerprint, ...restoration });
    else {
      printFields([
        ['restored to', dataDir],
        ['broker', config.name],
        ['backup of', String(manifest['takenAt'])],
        ['log', `whole, ${check.size} events`],
        ['state epoch', `${check.stateEpoch} -> ${restoration.stateEpoch}`],
        ['sessions ended', String(restoration.sessionsEnded)],
        ['tokens voided', String(restoration.tokensVoided)],
        ['requests voided', String(restoration.requestsVoided)],
        ['sign-ins voided', `${restoration.signInsVoided}: everybody signs in anew`],
        [
          'since the backup',
          since === undefined ? 'not known: no session opens' : `${restoration.locksReplayed} changes`,
        ],
      ]);
      print('');
      print(`start it: sallyport broker run --data ${dataDir}`);
      print(`then, on this machine: sallyport broker invite NAME --data ${dataDir}`);
      if (restoration.sealedBy !== undefined) {
        print(
          `when locks and removals since the backup are in place again: sallyport unlock ${restoration.sealedBy}`,
        );
      }
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return 0;
}

async function refuseUsed(dataDir: string): Promise<void> {
  if (!existsSync(dataDir) || (await readdir(dataDir)).length === 0) return;
  throw new SallyportError('conflict', `"${printable(dataDir)}" is not empty`, {
    next: 'a restore takes the place of nothing: choose a new directory, or move that one away',
  });
}

async function readKey(path: string) {
  const pem = (await readPrivateFile(path))?.toString('utf8');
  const key = pem === undefined ? undefined : parseSealKey(pem);
  if (key !== undefined) return key;
  throw new SallyportError('local_file', `"${printable(path)}" holds no key of a backup`, {
    next: 'give the file that "sallyport broker backup-key" wrote',
  });
}

async function unpack(file: string, key: Awaited<ReturnType<typeof readKey>>, work: string): Promise<void> {
  try {
    await unpackBundle(unseal(createReadStream(file) as AsyncIterable<Buffer>, key), work);
  } catch (error) {
    if (error instanceof SealFault || error instanceof BundleFault) throw broken(error.message, error);
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new SallyportError('local_file', `there is no file "${printable(file)}"`, {
        next: 'give the file that "sallyport broker backup" wrote',
        cause: error,
      });
    }
    throw error;
  }
}

async function readManifest(work: string): Promise<Readonly<Record<string, unknown>>> {
  const manifest = parseJsonObject(
    (await readPrivateFile(join(work, 'manifest.json')))?.toString('utf8') ?? '',
  );
  if (manifest === undefined) throw broken('it says nothing of itself');
  if (manifest['format'] === backupFormat) return manifest;
  throw new SallyportError(
    'version_unsupported',
    'this backup has a format that this version does not know',
    {
      next: `restore it with version ${printable(String(manifest['version']), 40)}`,
    },
  );
}

function broken(why: string, cause?: unknown): SallyportError {
  return new SallyportError('invalid', `this backup cannot be used: ${why}`, {
    next: 'check the key, fetch the file again, or take an older backup; nothing was changed here',
    cause,
  });
}
