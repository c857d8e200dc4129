// One file from one side to the other. It is written beside its destination, hashed on the way, held
// against the far end's own hash, and only then put in its place: whoever looks at the destination finds
// the old file or the new one, whole. What is written stays for a resume where the copy was cut off, and
// is removed where it failed.

import { createHash, type Hash } from 'node:crypto';
import { ChannelCut } from './sftp-client.ts';
import { changedMeanwhile, damaged, notPlain } from './faults.ts';
import { partPath } from './names.ts';
import { Pouring } from './pouring.ts';
import type { FileFacts, Hashed, OpenFile, Side } from './side.ts';
import type { Slots } from './slots.ts';

export interface FileJob {
  readonly from: Buffer;
  readonly to: Buffer;
  /** As it was listed. */
  readonly size: number;
  /** The destination's directory was made by this copy: nothing can be in the way. */
  readonly isNewFolder: boolean;
}

export interface CopyContext {
  readonly source: Side;
  readonly sink: Side;
  /** The device: its hash is held against what was sent or received here. */
  readonly far: 'source' | 'sink';
  readonly isResume: boolean;
  /** Portions that are read and not yet written, over all files. */
  readonly portions: Slots;
  readonly signal: AbortSignal;
  /** Bytes that were moved. */
  readonly onBytes: (count: number) => void;
  /** Bytes that need not be moved. */
  readonly onKnown: (count: number) => void;
  readonly onNote: (note: string) => void;
}

const syncMinBytes = 1024 * 1024;

export type CopyStatus = 'copied' | 'resumed' | 'unchanged';

export interface CopiedFile {
  readonly status: CopyStatus;
  readonly bytes: number;
  readonly sha256: string;
}

export async function copyFile(ctx: CopyContext, job: FileJob): Promise<CopiedFile> {
  ctx.signal.throwIfAborted();
  const source = await ctx.source.openToRead(job.from);
  try {
    const present = job.isNewFolder ? undefined : await ctx.sink.lstat(job.to);
    if (present?.type === 'folder') throw notPlain(ctx.sink.shown(job.to), 'a directory');
    if (present?.type === 'other') throw notPlain(ctx.sink.shown(job.to), 'no plain file');
    if (ctx.isResume && present !== undefined) {
      const same = await sameFile(ctx, job, { source, present });
      if (same !== undefined) return same;
    }
    return await writePart(ctx, { ...job, isReplacing: present !== undefined }, source);
  } finally {
    await quietly(source.close());
  }
}

/** A resume leaves alone what is whole: same size, same second, same hash. */
async function sameFile(
  ctx: CopyContext,
  job: FileJob,
  known: { readonly source: OpenFile; readonly present: FileFacts },
): Promise<CopiedFile | undefined> {
  const facts = await known.source.facts();
  const isAlike =
    known.present.type === 'file' &&
    facts.size === known.present.size &&
    Math.floor(facts.mtimeMs / 1_000) === Math.floor(known.present.mtimeMs / 1_000);
  if (!isAlike) return undefined;
  // A channel that may write has no right to read, but a hash of what it opened to write.
  const sink = await (ctx.far === 'sink'
    ? ctx.sink.openToWrite(job.to, { keep: true })
    : ctx.sink.openToRead(job.to));
  try {
    const [here, there] = await Promise.all([known.source.sha256(), sink.sha256()]);
    if (!here.hash.equals(there.hash) || here.bytes !== there.bytes) return undefined;
    ctx.onKnown(here.bytes);
    return { status: 'unchanged', bytes: here.bytes, sha256: here.hash.toString('hex') };
  } finally {
    await quietly(sink.close());
  }
}

async function writePart(
  ctx: CopyContext,
  job: FileJob & { readonly isReplacing: boolean },
  source: OpenFile,
): Promise<CopiedFile> {
  const part = partPath(job.to);
  const { sink, start, hash } = await openPart(ctx, part, source);
  const pouring = new Pouring(ctx, { source, sink, hash });
  let isClosing = false;
  try {
    if (start > 0) ctx.onKnown(start);
    const facts = source.facts();
    // Asked together with the first bytes: a small file takes no second way there and back.
    facts.catch(() => undefined);
    let size = await pouring.pour(start, job.size);
    const before = await facts;
    if (before.type !== 'file') throw notPlain(ctx.source.shown(job.from), 'no plain file');
    if (size < before.size) size = await pouring.pour(size, before.size);
    // Files of /proc say that they are empty.
    if (before.size === 0) size = await pouring.pourToEnd(size);
    if (size < before.size) throw changedMeanwhile(ctx.source.shown(job.from));
    const digest = hash.digest();
    isClosing = true;
    // In this order on the wire, without waiting in between; a handle that cannot be closed lost writes.
    const end = pouring.endsInHole ? { size } : {};
    await Promise.all([
      pouring.written(),
      sink.settle({ mode: before.mode, mtimeMs: before.mtimeMs, ...end }),
      // A power cut never costs an old file its content; a new small one it may cost, as with cp and scp:
      // 1.4 ms a file would be more than all else that is done for it.
      job.isReplacing || size >= syncMinBytes ? sink.sync() : undefined,
      verify(ctx, job, { source, sink, before, size, digest }),
      sink.close(),
    ]);
    await ctx.sink.replace(part, job.to);
    return { status: start > 0 ? 'resumed' : 'copied', bytes: size, sha256: digest.toString('hex') };
  } catch (error) {
    if (!isClosing) await quietly(sink.close());
    const isCut = error instanceof ChannelCut || ctx.signal.aborted;
    if (!isCut || start + pouring.poured <= ctx.sink.dataBytes) await quietly(ctx.sink.remove(part));
    throw error;
  }
}

interface OpenPart {
  readonly sink: OpenFile;
  /** How much of it is there already, and is the source's. */
  readonly start: number;
  /** Fed with that much. */
  readonly hash: Hash;
}

async function openPart(ctx: CopyContext, part: Buffer, source: OpenFile): Promise<OpenPart> {
  const old = ctx.isResume ? await ctx.sink.lstat(part) : undefined;
  if (old?.type === 'file' && old.size > 0 && old.size <= (await source.facts()).size) {
    const sink = await ctx.sink.openToWrite(part, { keep: true });
    const [near, far] = ctx.far === 'source' ? [sink, source] : [source, sink];
    const [hash, there] = await Promise.all([
      hashStart(near, old.size, ctx),
      // Of the part on a device all of it: a range is more than a channel that may write can ask for.
      far.sha256(ctx.far === 'sink' ? undefined : old.size),
    ]);
    if (there.bytes === old.size && there.hash.equals(hash.copy().digest())) {
      return { sink, start: old.size, hash };
    }
    await sink.close();
  }
  const sink = await ctx.sink.openToWrite(part, { keep: false });
  return { sink, start: 0, hash: createHash('sha256') };
}

async function hashStart(file: OpenFile, length: number, ctx: CopyContext): Promise<Hash> {
  const hash = createHash('sha256');
  for (let at = 0; at < length;) {
    ctx.signal.throwIfAborted();
    const data = await file.read(at, Math.min(ctx.sink.dataBytes, length - at));
    if (data === undefined) break;
    hash.update(data);
    at += data.length;
  }
  return hash;
}

interface Read {
  readonly source: OpenFile;
  readonly sink: OpenFile;
  readonly before: FileFacts;
  readonly size: number;
  readonly digest: Buffer;
}

/** The far end's own hash, and whether the source stood still. Growth alone is said, and is no fault. */
async function verify(ctx: CopyContext, job: FileJob, read: Read): Promise<void> {
  const { size, digest } = read;
  const isSame = ({ hash, bytes }: Hashed): boolean => bytes === size && hash.equals(digest);
  if (ctx.far === 'sink') {
    const [stored, after] = await Promise.all([read.sink.sha256(), read.source.facts()]);
    if (!isSame(stored)) throw damaged(ctx.sink.shown(job.to));
    if (after.size === read.before.size && after.mtimeMs === read.before.mtimeMs) return;
  } else {
    if (isSame(await read.source.sha256())) return;
  }
  // It was touched meanwhile. What was copied may still be the whole of what it was, as of a log.
  const [again, after] = await Promise.all([read.source.sha256(size), read.source.facts()]);
  const shown = ctx.source.shown(job.from);
  if (isSame(again)) {
    if (after.size > size)
      ctx.onNote(`"${shown}" grew while it was read: its first ${size} bytes were copied`);
    return;
  }
  const isTouched = after.size !== read.before.size || after.mtimeMs !== read.before.mtimeMs;
  throw ctx.far === 'sink' || isTouched ? changedMeanwhile(shown) : damaged(shown);
}

/** For cleaning up after an error that is already on its way. */
async function quietly(done: Promise<void>): Promise<void> {
  await done.catch(() => undefined);
}
