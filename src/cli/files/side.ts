// What a copy needs of the two ends it runs between. Two bodies: local-side.ts (this machine) and
// remote-side.ts (a device, over SFTP); the copy itself (copy-file.ts) does not know which is which, but
// for one thing: the far end's hash is what proves that the bytes arrived. Duties: `replace` is atomic, errors
// carry words for a person, and what is asked of one file happens in the order it was asked.

export type FileType = 'file' | 'folder' | 'link' | 'other';

export interface FileFacts {
  readonly type: FileType;
  readonly size: number;
  /** Permission bits only: set-user-id and its like do not travel. */
  readonly mode: number;
  /** As exact as the side tells it. A device tells whole seconds. */
  readonly mtimeMs: number;
}

export interface Entry {
  readonly name: Buffer;
  /** Of the link itself, where it is one. */
  readonly facts: FileFacts;
}

export interface Hashed {
  readonly hash: Buffer;
  readonly bytes: number;
}

export interface OpenFile {
  facts(): Promise<FileFacts>;
  /** At most `length` bytes, fewer only for a reason of the side's own; undefined at the end. */
  read(offset: number, length: number): Promise<Uint8Array | undefined>;
  /** Whole, or an error. Several may be under way; what is read back later holds them in order. */
  write(offset: number, data: Uint8Array): Promise<void>;
  /** SHA-256 of the first `length` bytes (undefined: of all) as they are stored now. */
  sha256(length?: number): Promise<Hashed>;
  /** After it what was written survives a power cut. */
  sync(): Promise<void>;
  /** Gives the written file its mode and time, and its size where its end was not written (a hole). */
  settle(facts: Settled): Promise<void>;
  close(): Promise<void>;
}

export interface Settled {
  readonly mode: number;
  readonly mtimeMs: number;
  readonly size?: number;
}

export interface Side {
  readonly faultCode: 'local_file' | 'device_file';
  /** How much one read or write should move. */
  readonly dataBytes: number;
  /** For people: with the device's name in front where it is one. */
  shown(path: Uint8Array): string;
  /** Through symbolic links. Undefined: not there. */
  stat(path: Uint8Array): Promise<FileFacts | undefined>;
  /** Of the link itself. */
  lstat(path: Uint8Array): Promise<FileFacts | undefined>;
  /** The file that a link at the end of `path` leads to; anything else stays as it is. */
  follow(path: Buffer): Promise<Buffer>;
  /** In the order of their bytes, without "." and "..". */
  list(folder: Uint8Array): Promise<readonly Entry[]>;
  openToRead(path: Uint8Array): Promise<OpenFile>;
  /** `keep`: what is there stays, for a resume. Otherwise empty, private, and never through a link. */
  openToWrite(path: Uint8Array, options: { readonly keep: boolean }): Promise<OpenFile>;
  /** False: it was there. */
  makeFolder(path: Uint8Array): Promise<boolean>;
  settleFolder(path: Uint8Array, facts: Settled): Promise<void>;
  /** `to` is the old file or the new one at every moment. */
  replace(from: Uint8Array, to: Uint8Array): Promise<void>;
  /** Not there is well. */
  remove(path: Uint8Array): Promise<void>;
}
