// SFTP version 3 (draft-ietf-secsh-filexfer-02): its numbers, our bounds, the extensions both ends know,
// and the one error that decoding throws. Layout of a packet:
//
//   0            4      5
//   +------------+------+----------------------+
//   | length, BE | type | body (length - 1)    |
//   +------------+------+----------------------+

export const sftpVersion = 3;

/** One READ or WRITE moves at most this much; what stands before the data fits in the rest. */
export const dataMaxBytes = 256 * 1024;
/** What the length field may say. OpenSSH's own bound is 256 KiB, so towards it data must stay 1 KiB smaller. */
export const packetMaxBytes = dataMaxBytes + 1024;
/** The draft's bound on handles. */
export const handleMaxBytes = 256;

export const packetType = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attrs: 105,
  extended: 200,
  extendedReply: 201,
} as const;

export const statusCode = {
  ok: 0,
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  noConnection: 6,
  connectionLost: 7,
  unsupported: 8,
} as const;
export type StatusCode = (typeof statusCode)[keyof typeof statusCode];

export const openFlag = {
  read: 0x01,
  write: 0x02,
  append: 0x04,
  create: 0x08,
  truncate: 0x10,
  exclusive: 0x20,
} as const;

/** Names as they stand in VERSION and EXTENDED. The first three are described in OpenSSH's PROTOCOL. */
export const extension = {
  posixRename: 'posix-rename@openssh.com',
  fsync: 'fsync@openssh.com',
  limits: 'limits@openssh.com',
  /** Ours: handle, u64 offset, u64 length (0 = to the end) -> the hash (32 bytes), u64 bytes hashed. */
  sha256: 'sha256@sallyport',
} as const;

/** The peer's bytes are not SFTP. Nothing after them on the same stream can be trusted. */
export class SftpError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SftpError';
  }
}
