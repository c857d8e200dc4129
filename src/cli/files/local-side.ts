// This machine as one side of a copy: its names. Paths are bytes all the way into the file system. What takes
// microseconds is done at once (local-file.ts says why).

import {
  chmodSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { limits } from '../../core/limits.ts';
import { errnoOf, FileFault, fileFault } from '../../platform/file-fault.ts';
import { tooMany } from './faults.ts';
import { attempt, factsOf, LocalFile } from './local-file.ts';
import { joinPath, shownPath } from './names.ts';
import type { Entry, FileFacts, OpenFile, Settled, Side } from './side.ts';

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;

export class LocalSide implements Side {
  readonly faultCode = 'local_file';
  readonly dataBytes: number;

  /** In the portions of the device that is on the other side. */
  constructor(dataBytes: number) {
    this.dataBytes = dataBytes;
  }

  shown(path: Uint8Array): string {
    return shownPath(path);
  }

  async stat(path: Uint8Array): Promise<FileFacts | undefined> {
    return await attempt('read', path, () => {
      const stats = statSync(asPath(path), { throwIfNoEntry: false });
      return stats === undefined ? undefined : factsOf(stats);
    });
  }

  async lstat(path: Uint8Array): Promise<FileFacts | undefined> {
    return await attempt('read', path, () => {
      const stats = lstatSync(asPath(path), { throwIfNoEntry: false });
      return stats === undefined ? undefined : factsOf(stats);
    });
  }

  async follow(path: Buffer): Promise<Buffer> {
    if ((await this.lstat(path))?.type !== 'link') return path;
    return await attempt('read', path, () => realpathSync(path, { encoding: 'buffer' }));
  }

  async list(folder: Uint8Array): Promise<readonly Entry[]> {
    const names = await attempt('list', folder, () => readdir(asPath(folder), { encoding: 'buffer' }));
    if (names.length > limits.filesPlannedMax) throw tooMany(this.shown(folder));
    const entries: Entry[] = [];
    for (const name of names.sort((one, two) => Buffer.compare(one, two))) {
      const facts = await this.lstat(joinPath(folder, name));
      if (facts !== undefined) entries.push({ name, facts });
    }
    return entries;
  }

  async openToRead(path: Uint8Array): Promise<OpenFile> {
    // A pipe that nobody writes to must not hang the copy: facts() then says that it is no file.
    const fd = await attempt('read', path, () => openSync(asPath(path), O_RDONLY | O_NONBLOCK));
    return new LocalFile(fd, path, this.dataBytes);
  }

  async openToWrite(path: Uint8Array, { keep }: { readonly keep: boolean }): Promise<OpenFile> {
    const flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | (keep ? 0 : O_EXCL);
    const fd = await attempt('write', path, async () => {
      try {
        return openSync(asPath(path), flags, 0o600);
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
        await this.remove(path);
        return openSync(asPath(path), flags, 0o600);
      }
    });
    return new LocalFile(fd, path, this.dataBytes);
  }

  async makeFolder(path: Uint8Array): Promise<boolean> {
    try {
      mkdirSync(asPath(path), 0o700);
      return true;
    } catch (error) {
      const facts = errnoOf(error) === 'EEXIST' ? await this.stat(path) : undefined;
      if (facts?.type === 'folder') return false;
      if (facts === undefined) throw fileFault(error, 'create', shownPath(path));
      throw new FileFault('wrong_type', shownPath(path), {
        message: `"${shownPath(path)}" is there and is no directory`,
        next: 'choose another path',
      });
    }
  }

  async settleFolder(path: Uint8Array, { mode, mtimeMs }: Settled): Promise<void> {
    await attempt('write', path, () => {
      chmodSync(asPath(path), mode);
      utimesSync(asPath(path), mtimeMs / 1_000, mtimeMs / 1_000);
    });
  }

  async replace(from: Uint8Array, to: Uint8Array): Promise<void> {
    await attempt('write', to, () => renameSync(asPath(from), asPath(to)));
  }

  async remove(path: Uint8Array): Promise<void> {
    await attempt('remove', path, () => {
      try {
        unlinkSync(asPath(path));
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error;
      }
    });
  }
}

function asPath(path: Uint8Array): Buffer {
  return Buffer.from(path.buffer, path.byteOffset, path.length);
}
