// A device as one side of a copy: SFTP requests with words for what the server refuses.

import { createHash } from 'node:crypto';
import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { openFlag, statusCode, SftpError } from '../../wire/sftp/codes.ts';
import type { SftpAttrs } from '../../wire/sftp/fields.ts';
import { limits } from '../../core/limits.ts';
import { tooMany } from './faults.ts';
import { isEntryName, joinPath, shownPath } from './names.ts';
import { type SftpClient, SftpStatus } from './sftp-client.ts';
import type { Entry, FileFacts, FileType, Hashed, OpenFile, Settled, Side } from './side.ts';

const typeBits = 0o170000;
const types: ReadonlyMap<number, FileType> = new Map([
  [0o100000, 'file'],
  [0o040000, 'folder'],
  [0o120000, 'link'],
]);

export class RemoteSide implements Side {
  readonly faultCode = 'device_file';
  readonly #client: SftpClient;
  readonly #device: string;

  constructor(client: SftpClient, device: string) {
    this.#client = client;
    this.#device = device;
  }

  get dataBytes(): number {
    return this.#client.dataBytes;
  }

  /** The normal form of core/remote-path.ts as a path that the server opens. */
  async resolve(path: string): Promise<Buffer> {
    if (!path.startsWith('~')) return Buffer.from(path);
    const home = await this.#try('read', Buffer.from('~'), () => this.#client.realpath(Buffer.from('.')));
    return path === '~' ? Buffer.from(home) : joinPath(home, Buffer.from(path.slice(2)));
  }

  shown(path: Uint8Array): string {
    return `${this.#device}:${shownPath(path)}`;
  }

  async stat(path: Uint8Array): Promise<FileFacts | undefined> {
    return await this.#factsIfAny(path, () => this.#client.stat(path));
  }

  async lstat(path: Uint8Array): Promise<FileFacts | undefined> {
    return await this.#factsIfAny(path, () => this.#client.lstat(path));
  }

  /** Our own server answers the path as it was: it follows a link at a granted path by itself. */
  async follow(path: Buffer): Promise<Buffer> {
    if ((await this.lstat(path))?.type !== 'link') return path;
    return Buffer.from(await this.#try('read', path, () => this.#client.realpath(path)));
  }

  async list(folder: Uint8Array): Promise<readonly Entry[]> {
    const handle = await this.#try('list', folder, () => this.#client.opendir(folder));
    const entries: Entry[] = [];
    try {
      for (;;) {
        const some = await this.#try('list', folder, () => this.#client.readdir(handle));
        if (some === undefined) break;
        for (const { name, attrs } of some) {
          if (isDots(name)) continue;
          if (!isEntryName(name)) {
            throw this.#fault(`"${this.shown(folder)}" lists "${shownPath(name)}", which is no file name`);
          }
          if (entries.length === limits.filesPlannedMax) throw tooMany(this.shown(folder));
          // The name is a slice of its packet, which would stay in memory with it.
          const own = Buffer.from(name);
          const facts =
            attrs.permissions === undefined ? await this.#entryFacts(folder, own) : factsOf(attrs);
          entries.push({ name: own, facts });
        }
      }
    } finally {
      await this.#client.do({ type: 'close', handle });
    }
    return entries.sort((one, two) => Buffer.compare(one.name, two.name));
  }

  async openToRead(path: Uint8Array): Promise<OpenFile> {
    const handle = await this.#try('read', path, () => this.#client.open(path, openFlag.read));
    return this.#openFile(path, handle);
  }

  async openToWrite(path: Uint8Array, { keep }: { readonly keep: boolean }): Promise<OpenFile> {
    // Reading back is for servers without our hash.
    const base = openFlag.write | openFlag.create | (this.#client.has('sha256') ? 0 : openFlag.read);
    const flags = keep ? base : base | openFlag.exclusive;
    const open = (): Promise<Uint8Array> => this.#client.open(path, flags, { permissions: 0o600 });
    const handle = await this.#try('write', path, async () => {
      try {
        return await open();
      } catch (error) {
        // Version 3 has no code of its own for "is there".
        const isThere = error instanceof SftpStatus && error.code === statusCode.failure && !keep;
        if (!isThere) throw error;
        await this.remove(path);
        return await open();
      }
    });
    return this.#openFile(path, handle);
  }

  async makeFolder(path: Uint8Array): Promise<boolean> {
    try {
      await this.#client.do({ type: 'mkdir', path, attrs: { permissions: 0o700 } });
      return true;
    } catch (error) {
      if (!(error instanceof SftpStatus)) throw error;
      // Through links: a folder that a link leads to is a folder.
      const facts = await this.stat(path);
      if (facts?.type === 'folder') return false;
      if (facts !== undefined) throw this.#fault(`"${this.shown(path)}" is there and is no directory`);
      throw this.#refusal(error, 'create', path);
    }
  }

  async settleFolder(path: Uint8Array, facts: Settled): Promise<void> {
    await this.#try('write', path, () =>
      this.#client.do({ type: 'setstat', path, attrs: settledAttrs(facts) }),
    );
  }

  async replace(from: Uint8Array, to: Uint8Array): Promise<void> {
    const type = this.#client.has('posixRename') ? 'posixRename' : 'rename';
    await this.#try('write', to, () => this.#client.do({ type, from, to }));
  }

  async remove(path: Uint8Array): Promise<void> {
    try {
      await this.#client.do({ type: 'remove', path });
    } catch (error) {
      if (error instanceof SftpStatus && error.code === statusCode.noSuchFile) return;
      throw error instanceof SftpStatus ? this.#refusal(error, 'remove', path) : error;
    }
  }

  #openFile(path: Uint8Array, handle: Uint8Array): OpenFile {
    const client = this.#client;
    const reading = <T>(run: () => Promise<T>): Promise<T> => this.#try('read', path, run);
    const writing = <T>(run: () => Promise<T>): Promise<T> => this.#try('write', path, run);
    let reread: Promise<unknown> = Promise.resolve();
    return {
      facts: async () => factsOf(await reading(() => client.fstat(handle))),
      read: (offset, length) => reading(() => client.read(handle, offset, length)),
      write: (offset, data) => writing(() => client.write(handle, offset, data)),
      sha256: (length) => {
        if (client.has('sha256')) return reading(() => client.sha256(handle, length ?? 0));
        const hashed = reading(() => readBack(client, handle, length));
        reread = hashed;
        return hashed;
      },
      settle: (facts) => writing(() => client.do({ type: 'fsetstat', handle, attrs: settledAttrs(facts) })),
      sync: async () => {
        if (client.has('fsync')) await writing(() => client.do({ type: 'fsync', handle }));
      },
      close: async () => {
        // Many requests in a row, unlike all others: the handle has to last for them.
        await reread.catch(() => undefined);
        await writing(() => client.do({ type: 'close', handle }));
      },
    };
  }

  async #entryFacts(folder: Uint8Array, name: Buffer): Promise<FileFacts> {
    const facts = await this.lstat(joinPath(folder, name));
    // Gone since it was listed: nothing to copy, as any other thing that is no file.
    return facts ?? { type: 'other', size: 0, mode: 0, mtimeMs: 0 };
  }

  async #factsIfAny(path: Uint8Array, ask: () => Promise<SftpAttrs>): Promise<FileFacts | undefined> {
    try {
      return factsOf(await ask());
    } catch (error) {
      if (!(error instanceof SftpStatus)) throw error;
      if (error.code === statusCode.noSuchFile) return undefined;
      throw this.#refusal(error, 'read', path);
    }
  }

  async #try<T>(verb: string, path: Uint8Array, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw error instanceof SftpStatus ? this.#refusal(error, verb, path) : error;
    }
  }

  #refusal(status: SftpStatus, verb: string, path: Uint8Array): SallyportError {
    return new SallyportError('device_file', `cannot ${verb} "${this.shown(path)}": ${whyOf(status)}`, {
      next: `look at it on the device: sallyport exec ${this.#device} -- ls -la PATH`,
      cause: status,
    });
  }

  #fault(message: string): SallyportError {
    return new SallyportError('device_file', message, {
      next: `look at it on the device: sallyport shell ${this.#device}`,
    });
  }
}

/** For a server without our extension: every byte comes once more. */
async function readBack(client: SftpClient, handle: Uint8Array, length?: number): Promise<Hashed> {
  const hash = createHash('sha256');
  const end = length ?? Number.MAX_SAFE_INTEGER;
  let bytes = 0;
  while (bytes < end) {
    const data = await client.read(handle, bytes, Math.min(client.dataBytes, end - bytes));
    if (data === undefined) break;
    hash.update(data);
    bytes += data.length;
  }
  return { hash: hash.digest(), bytes };
}

function factsOf(attrs: SftpAttrs): FileFacts {
  const { permissions, size = 0, mtime = 0 } = attrs;
  if (permissions === undefined) throw new SftpError('the server does not tell what kind of file it is');
  return {
    type: types.get(permissions & typeBits) ?? 'other',
    size,
    mode: permissions & 0o777,
    mtimeMs: mtime * 1_000,
  };
}

/** Version 3 tells whole seconds, from 1970 to 2106. */
function settledAttrs({ mode, mtimeMs, size }: Settled): SftpAttrs {
  const mtime = Math.min(Math.max(Math.floor(mtimeMs / 1_000), 0), 0xffff_ffff);
  return { permissions: mode, atime: mtime, mtime, ...(size === undefined ? {} : { size }) };
}

function whyOf({ code, message }: SftpStatus): string {
  const said = printable(message);
  switch (code) {
    case statusCode.noSuchFile:
      return 'it is not there, or its directory is not';
    case statusCode.permissionDenied:
      // The server's words tell a file mode from what this session was not opened for.
      return said === '' || /^permission denied$/i.test(said) ? 'no permission' : said;
    case statusCode.unsupported:
      return `the device does not serve that: ${said}`;
    default:
      return said === '' || /^failure$/i.test(said)
        ? 'the device does not say why (a full disk, or a directory in its place)'
        : said;
  }
}

function isDots(name: Uint8Array): boolean {
  return name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e));
}
