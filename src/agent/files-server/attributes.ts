// From what the kernel says about a file to SFTP's attributes and the line that people see in `ls -l`.

import type { Stats } from 'node:fs';
import type { SftpAttrs } from '../../wire/sftp/fields.ts';
import type { NameEntry } from '../../wire/sftp/replies.ts';

const secondsMax = 0xffffffff;
/** Permission bits that a files channel sets. Set-user-id and its like would outlive the grant. */
export const settableMode = 0o777;

export function attrsOf(stats: Stats): SftpAttrs {
  return {
    size: stats.size,
    uid: stats.uid,
    gid: stats.gid,
    permissions: stats.mode,
    atime: seconds(stats.atimeMs),
    mtime: seconds(stats.mtimeMs),
  };
}

/** An entry without attributes: the name of what is there and cannot be looked at. */
export function nameEntry(name: Uint8Array, stats?: Stats): NameEntry {
  if (stats === undefined) return { name, longName: name, attrs: {} };
  const date = new Date(stats.mtimeMs).toISOString().slice(0, 16).replace('T', ' ');
  const fields = [
    modeText(stats.mode),
    String(stats.nlink).padStart(3),
    String(stats.uid).padEnd(8),
    String(stats.gid).padEnd(8),
    String(stats.size).padStart(10),
    date,
  ];
  return {
    name,
    longName: Buffer.concat([Buffer.from(`${fields.join(' ')} `), name]),
    attrs: attrsOf(stats),
  };
}

/** Version 3 has 32 bits of seconds since 1970. */
function seconds(ms: number): number {
  return Math.min(Math.max(Math.floor(ms / 1_000), 0), secondsMax);
}

const fileTypes: Readonly<Record<number, string>> = {
  0o010000: 'p',
  0o020000: 'c',
  0o040000: 'd',
  0o060000: 'b',
  0o100000: '-',
  0o120000: 'l',
  0o140000: 's',
};

function modeText(mode: number): string {
  const bits = Array.from('rwxrwxrwx', (letter, at) => (mode & (0o400 >> at) ? letter : '-'));
  return `${fileTypes[mode & 0o170000] ?? '?'}${bits.join('')}`;
}
