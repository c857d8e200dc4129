// One request of a files channel, done: what the mode allows, within the granted tree, as a reply. Looking
// at names and changing them is done at once (a few microseconds each, and nobody else waits in this
// process); moving bytes is not. The order of requests is kept by whoever calls (answers.ts).

import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  type Stats,
} from 'node:fs';
import type { FilesParams } from '../../core/channel.ts';
import { limits } from '../../core/limits.ts';
import { dataMaxBytes, openFlag, packetMaxBytes, statusCode } from '../../wire/sftp/codes.ts';
import {
  encodeHashed,
  encodeLimits,
  encodeReply,
  status,
  type NameEntry,
  type NumberedReply,
} from '../../wire/sftp/replies.ts';
import type { NumberedRequest } from '../../wire/sftp/requests.ts';
import { attrsOf, nameEntry, settableMode } from './attributes.ts';
import type { ConfinedTree, HeldNode, Place } from './confined-tree.ts';
import { parsePath, pathBytes, type Names } from './device-path.ts';
import { denied, errnoOf, FilesFault } from './fault.ts';
import { hashFile, syncFile, writeFileAt } from './file-content.ts';
import { has, openFile } from './open-file.ts';
import { OpenHandles } from './open-handles.ts';
import { setByHandle, setByPath } from './set-attributes.ts';

/** READ goes its own way, into a buffer that is reused. */
export type OtherRequest = Exclude<NumberedRequest, { readonly type: 'read' }>;

const defaultDirectoryMode = 0o777;

export class FilesRequests {
  readonly handles = new OpenHandles();
  readonly #mode: FilesParams['mode'];
  readonly #tree: ConfinedTree;
  readonly #home: Names;

  constructor(facts: {
    readonly mode: FilesParams['mode'];
    readonly tree: ConfinedTree;
    readonly home: Names;
  }) {
    this.#mode = facts.mode;
    this.#tree = facts.tree;
    this.#home = facts.home;
  }

  /** The file to read from. */
  readable(handle: Uint8Array): number {
    const { fd, isReadable } = this.handles.file(handle);
    if (this.#mode === 'write') throw denied('this channel may write, not read');
    if (!isReadable) throw denied('the file is not open for reading');
    return fd;
  }

  /** The encoded reply. Throws FilesFault or the error of a system call. */
  async perform(request: OtherRequest): Promise<Uint8Array> {
    const { id } = request;
    switch (request.type) {
      case 'open':
        return encodeReply({ type: 'handle', id, handle: this.#open(request) });
      case 'close':
        this.handles.close(request.handle);
        return done(id);
      case 'write':
        await writeFileAt(this.#writable(request.handle), request.data, request.offset);
        return done(id);
      case 'fsync':
        await syncFile(this.handles.file(request.handle).fd);
        return done(id);
      case 'sha256':
        return encodeHashed(id, await this.#hash(request));
      case 'lstat':
        return attrs(
          id,
          this.#atPlace(request.path, ({ path }) => lstatSync(path)),
        );
      case 'stat':
        return attrs(
          id,
          this.#atNode(request.path, ({ stats }) => stats),
        );
      case 'fstat':
        return attrs(id, fstatSync(this.handles.fd(request.handle)));
      case 'setstat':
        this.#requireWrite();
        this.#atNode(request.path, (node) => setByPath(node, request.attrs));
        return done(id);
      case 'fsetstat':
        await setByHandle(this.#writable(request.handle), request.attrs);
        return done(id);
      case 'opendir':
        return encodeReply({ type: 'handle', id, handle: this.#openDirectory(request.path) });
      case 'readdir':
        return encodeReply(this.#readDirectory(id, request.handle));
      case 'mkdir':
        this.#change(request.path, ({ path }) =>
          mkdirSync(path, { mode: (request.attrs.permissions ?? defaultDirectoryMode) & settableMode }),
        );
        return done(id);
      case 'remove':
        this.#change(request.path, ({ path }) => unlinkSync(path));
        return done(id);
      case 'rmdir':
        this.#change(request.path, ({ path }) => rmdirSync(path));
        return done(id);
      case 'rename':
        this.#rename(request, renameToFreeName);
        return done(id);
      case 'posixRename':
        this.#rename(request, ({ from, to }) => renameSync(from, to));
        return done(id);
      case 'realpath':
        return name(id, pathBytes(parsePath(request.path, this.#home)));
      case 'readlink':
        return name(
          id,
          this.#atPlace(request.path, ({ path }) => readlinkSync(path, 'buffer')),
        );
      case 'symlink':
        throw denied('links are not made through a files channel');
      case 'limits':
        return encodeLimits(id, {
          packetBytes: packetMaxBytes,
          readBytes: dataMaxBytes,
          writeBytes: dataMaxBytes,
          openHandles: limits.filesHandlesMax,
        });
      case 'extended':
      case 'unknown':
        throw new FilesFault(statusCode.unsupported, 'this server does not know that request');
      default:
        return request satisfies never;
    }
  }

  #open(request: Extract<OtherRequest, { readonly type: 'open' }>): Uint8Array {
    const wants = { read: has(request.flags, openFlag.read), write: has(request.flags, openFlag.write) };
    if (!wants.read && !wants.write) throw denied('a file is opened to read or to write');
    const isChange =
      wants.write || has(request.flags, openFlag.create) || has(request.flags, openFlag.truncate);
    if (isChange) this.#requireWrite();
    this.handles.requireRoom();
    const fd = openFile(this.#tree, this.#parse(request.path), { ...request, ...wants });
    // A channel that may write has READ refused, not OPEN: what a copy finds in place it may hash whole.
    const isReadable = wants.read && this.#mode === 'read';
    return this.handles.add({ kind: 'file', fd, isReadable, isWritable: wants.write });
  }

  #openDirectory(path: Uint8Array): Uint8Array {
    this.handles.requireRoom();
    const fd = this.#atNode(path, (node) => {
      if (!node.stats.isDirectory()) throw new FilesFault(statusCode.noSuchFile, 'it is not a directory');
      return openSync(node.path, constants.O_RDONLY | constants.O_DIRECTORY);
    });
    try {
      const dir = opendirSync(`/proc/self/fd/${fd}`, {
        // The types of Node know encodings of text only; without text, names come as they are.
        encoding: 'buffer' as BufferEncoding,
        bufferSize: limits.filesNamesPerReply,
      });
      return this.handles.add({ kind: 'directory', fd, dir });
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  #readDirectory(id: number, handle: Uint8Array): NumberedReply {
    const { dir, fd } = this.handles.directory(handle);
    const entries: NameEntry[] = [];
    while (entries.length < limits.filesNamesPerReply) {
      const found = dir.readSync();
      if (found === null) break;
      const bytes = found.name as string | Buffer;
      const nameBytes = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
      const path = Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), nameBytes]);
      entries.push(nameEntry(nameBytes, lstatSync(path, { throwIfNoEntry: false })));
    }
    return entries.length === 0
      ? status(id, statusCode.eof, 'end of the directory')
      : { type: 'name', id, entries };
  }

  /**
   * A channel that may write must not read by way of hashes: with a range of one byte each, or with one
   * prefix after another, they give the content away. A whole file's hash says no more than "it is this".
   */
  #hash(request: Extract<OtherRequest, { readonly type: 'sha256' }>): ReturnType<typeof hashFile> {
    const { fd } = this.handles.file(request.handle);
    const isWhole = request.offset === 0 && (request.length === 0 || request.length >= fstatSync(fd).size);
    if (this.#mode === 'write' && !isWhole) {
      throw denied('this channel may write, not read: only a whole file is hashed');
    }
    return hashFile(fd, this.#mode === 'write' ? { offset: 0, length: 0 } : request);
  }

  #rename(
    request: { readonly from: Uint8Array; readonly to: Uint8Array },
    rename: (paths: { readonly from: Buffer; readonly to: Buffer }) => void,
  ): void {
    this.#change(request.from, (from) =>
      this.#change(request.to, (to) => rename({ from: from.path, to: to.path })),
    );
  }

  #change(path: Uint8Array, use: (place: Place) => void): void {
    this.#requireWrite();
    this.#atPlace(path, use);
  }

  #atPlace<T>(path: Uint8Array, use: (place: Place) => T): T {
    return this.#tree.atPlace(this.#parse(path), use);
  }

  #atNode<T>(path: Uint8Array, use: (node: HeldNode) => T): T {
    return this.#tree.atNode(this.#parse(path), use);
  }

  #parse(path: Uint8Array): Names {
    return parsePath(path, this.#home);
  }

  #writable(handle: Uint8Array): number {
    const { fd, isWritable } = this.handles.file(handle);
    if (!isWritable) throw denied('the file is not open for writing');
    return fd;
  }

  #requireWrite(): void {
    if (this.#mode === 'read') throw denied('this channel may read, not write');
  }
}

function renameToFreeName({ from, to }: { readonly from: Buffer; readonly to: Buffer }): void {
  if (lstatSync(from).isFile()) {
    try {
      // The only rename that cannot replace: a second name, then the first one away.
      linkSync(from, to);
      unlinkSync(from);
      return;
    } catch (error) {
      if (!['EPERM', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errnoOf(error) ?? '')) throw error;
    }
  }
  if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) {
    throw new FilesFault(statusCode.failure, 'something with that name exists');
  }
  renameSync(from, to);
}

function done(id: number): Uint8Array {
  return encodeReply(status(id, statusCode.ok, ''));
}

function attrs(id: number, stats: Stats): Uint8Array {
  return encodeReply({ type: 'attrs', id, attrs: attrsOf(stats) });
}

function name(id: number, path: Uint8Array): Uint8Array {
  return encodeReply({ type: 'name', id, entries: [nameEntry(path)] });
}
