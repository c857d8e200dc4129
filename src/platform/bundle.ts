// Several files as one stream, for backups (docs/backup.md): each entry is the length of its path (u16,
// big-endian), the path (UTF-8, relative, with "/"), the length of its content (u64), the content. A path of
// length 0 ends it. What comes after that, or is missing before it, is a fault.

import { createReadStream } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const pathMaxBytes = 4_096;

export class BundleFault extends Error {}

/** Content in memory, or a file whose length must not change while it is read. */
export interface Entry {
  readonly path: string;
  readonly content: Uint8Array | { readonly file: string };
}

export async function* packBundle(
  entries: AsyncIterable<Entry> | Iterable<Entry>,
): AsyncGenerator<Uint8Array> {
  for await (const { path, content } of entries) {
    const size = content instanceof Uint8Array ? content.length : (await stat(content.file)).size;
    const name = Buffer.from(path, 'utf8');
    const head = Buffer.alloc(2 + name.length + 8);
    head.writeUInt16BE(name.length);
    name.copy(head, 2);
    head.writeBigUInt64BE(BigInt(size), 2 + name.length);
    yield head;
    if (content instanceof Uint8Array) yield content;
    else if (size > 0) {
      let read = 0;
      for await (const chunk of createReadStream(content.file, { end: size - 1 }) as AsyncIterable<Buffer>) {
        read += chunk.length;
        yield chunk;
      }
      if (read !== size) throw new BundleFault(`"${content.file}" became shorter while it was read`);
    }
  }
  yield Buffer.alloc(2);
}

/** Writes every entry below `folder`, private to its owner, and returns their paths. Throws BundleFault. */
export async function unpackBundle(
  source: AsyncIterable<Uint8Array>,
  folder: string,
): Promise<readonly string[]> {
  const reader = new Reader(source);
  const paths: string[] = [];
  for (;;) {
    const length = (await reader.exactly(2)).readUInt16BE();
    if (length === 0) break;
    if (length > pathMaxBytes) throw new BundleFault('a path is too long');
    const path = (await reader.exactly(length)).toString('utf8');
    if (!isInside(path)) throw new BundleFault(`"${path}" does not lie inside`);
    const size = Number((await reader.exactly(8)).readBigUInt64BE());
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    const handle = await open(target, 'wx', 0o600);
    try {
      for await (const chunk of reader.upTo(size)) await handle.writeFile(chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
    paths.push(path);
  }
  if (!(await reader.isOver())) throw new BundleFault('something follows its end');
  return paths;
}

function isInside(path: string): boolean {
  return path
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'));
}

class Reader {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async exactly(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.upTo(size)) parts.push(part);
    return Buffer.concat(parts);
  }

  async *upTo(size: number): AsyncGenerator<Buffer> {
    let left = size;
    while (left > 0) {
      if (this.#held.length === 0 && !(await this.#more())) throw new BundleFault('it ends too early');
      const part = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  async isOver(): Promise<boolean> {
    return this.#held.length === 0 && !(await this.#more());
  }

  async #more(): Promise<boolean> {
    for (;;) {
      const next = await this.#source.next();
      if (next.done === true) return false;
      if (next.value.length === 0) continue;
      this.#held = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length);
      return true;
    }
  }
}
