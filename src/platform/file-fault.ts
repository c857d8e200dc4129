// What went wrong with a file, in words for a person: which path, what about it, what to do next.
// Platform code knows no product error codes; the edges translate.

export type FileFaultCode =
  | 'loose_mode'
  | 'wrong_owner'
  | 'wrong_type'
  | 'too_large'
  | 'unreadable_key'
  | 'no_space'
  | 'no_permission'
  | 'read_only'
  | 'io';

export class FileFault extends Error {
  readonly code: FileFaultCode;
  readonly path: string;
  /** What to do now, to be printed after the message. */
  readonly next: string;

  constructor(
    code: FileFaultCode,
    path: string,
    words: { readonly message: string; readonly next: string; readonly cause?: unknown },
  ) {
    super(words.message, words.cause === undefined ? {} : { cause: words.cause });
    this.name = 'FileFault';
    this.code = code;
    this.path = path;
    this.next = words.next;
  }
}

const byErrno: Readonly<Record<string, { code: FileFaultCode; why: string; next: string }>> = {
  ENOSPC: { code: 'no_space', why: 'no space left', next: 'free some space there and try again' },
  EDQUOT: { code: 'no_space', why: 'the quota is used up', next: 'free some space there and try again' },
  EACCES: { code: 'no_permission', why: 'no permission', next: 'check who owns it, or run as that user' },
  EPERM: { code: 'no_permission', why: 'not permitted', next: 'check who owns it, or run as that user' },
  EROFS: {
    code: 'read_only',
    why: 'the file system is read-only',
    next: 'mount it writable, or choose another directory',
  },
  ENOTDIR: { code: 'wrong_type', why: 'a part of the path is no directory', next: 'choose another path' },
  ENOENT: { code: 'io', why: 'its directory is not there', next: 'create the directory, or check the path' },
  EISDIR: { code: 'wrong_type', why: 'it is a directory', next: 'choose another path' },
  ELOOP: { code: 'wrong_type', why: 'too many symbolic links', next: 'choose another path' },
};

/** The FileFault for an error of node:fs; `verb` is "read", "write", "create" or "remove". */
export function fileFault(error: unknown, verb: string, path: string): FileFault {
  if (error instanceof FileFault) return error;
  const errno = errnoOf(error);
  const known = byErrno[errno ?? ''];
  const why = known?.why ?? errno ?? (error instanceof Error ? error.message : 'unknown error');
  return new FileFault(known?.code ?? 'io', path, {
    message: `cannot ${verb} "${path}": ${why}`,
    next: known?.next ?? 'check the disk and the path',
    cause: error,
  });
}

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
