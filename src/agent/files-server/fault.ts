// What a request of a files channel can fail with, and the one table from the kernel's answer to SFTP's
// code and words. Words name what happened; the client knows the path.

import { statusCode, type StatusCode } from '../../wire/sftp/codes.ts';

export class FilesFault extends Error {
  readonly status: StatusCode;

  constructor(status: StatusCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FilesFault';
    this.status = status;
  }
}

export function denied(message: string): FilesFault {
  return new FilesFault(statusCode.permissionDenied, message);
}

const faults: Readonly<Record<string, readonly [StatusCode, string]>> = {
  ENOENT: [statusCode.noSuchFile, 'no such file or directory'],
  ENOTDIR: [statusCode.noSuchFile, 'a part of the path is not a directory'],
  EACCES: [statusCode.permissionDenied, 'the OS user may not do that'],
  EPERM: [statusCode.permissionDenied, 'the OS user may not do that'],
  EROFS: [statusCode.permissionDenied, 'the file system is read-only'],
  ETXTBSY: [statusCode.failure, 'the program is running'],
  EEXIST: [statusCode.failure, 'something with that name exists'],
  ENOTEMPTY: [statusCode.failure, 'the directory is not empty'],
  EISDIR: [statusCode.failure, 'it is a directory'],
  ENOSPC: [statusCode.failure, 'no space is left on the disk'],
  EDQUOT: [statusCode.failure, 'the quota of the OS user is used up'],
  EFBIG: [statusCode.failure, 'the file would be too large'],
  ENAMETOOLONG: [statusCode.failure, 'the name is too long'],
  ELOOP: [statusCode.failure, 'too many links'],
  EXDEV: [statusCode.failure, 'the two paths are on different file systems'],
  EMFILE: [statusCode.failure, 'too many files are open'],
  ENFILE: [statusCode.failure, 'too many files are open'],
  EBUSY: [statusCode.failure, 'it is in use'],
  EIO: [statusCode.failure, 'the disk reports an error'],
};

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The fault of a failed call. What is no system error is ours, and is thrown on. */
export function faultOf(error: unknown): FilesFault {
  if (error instanceof FilesFault) return error;
  const errno = errnoOf(error);
  if (errno === undefined || !/^E[A-Z0-9]+$/.test(errno)) throw error;
  const [status, words] = faults[errno] ?? [statusCode.failure, `the system refused (${errno})`];
  return new FilesFault(status, words, { cause: error });
}
