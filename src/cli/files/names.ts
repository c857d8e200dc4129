// File names and paths as bytes: on a device and here they need not be UTF-8, and they come through a
// copy unchanged. Text is made of them only to be shown. Pure.

import { printable } from '../../core/printable.ts';
import { partName } from '../../wire/sftp/part-name.ts';

const slash = 0x2f;
const slashBytes = Buffer.from('/');
/** NAME_MAX of every file system that matters. */
const nameMaxBytes = 255;

export function joinPath(folder: Uint8Array, name: Uint8Array): Buffer {
  if (folder.length === 0) return Buffer.from(name);
  return folder.at(-1) === slash ? Buffer.concat([folder, name]) : Buffer.concat([folder, slashBytes, name]);
}

/** Behind the last slash. */
export function baseName(path: Uint8Array): Buffer {
  return Buffer.from(path.subarray(path.lastIndexOf(slash) + 1));
}

/** Empty for a name without a slash: the directory that paths begin at. */
export function folderName(path: Uint8Array): Buffer {
  const at = path.lastIndexOf(slash);
  return Buffer.from(path.subarray(0, at === 0 ? 1 : Math.max(at, 0)));
}

/** Where a copy is written until it is whole: beside the name it will have, on the same file system. */
export function partPath(path: Uint8Array): Buffer {
  return joinPath(folderName(path), partName(baseName(path)));
}

/** What a directory may list: a device that lists "../x" wants to write where nobody asked it to. */
export function isEntryName(name: Uint8Array): boolean {
  if (name.length === 0 || name.length > nameMaxBytes) return false;
  if (name.includes(slash) || name.includes(0)) return false;
  return !(name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e)));
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text, when the bytes are some. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined; // not UTF-8: the only thing that TextDecoder throws for
  }
}

/** Harmless on a terminal, one line; a byte that is no text shows as "\xff". */
export function shownPath(path: Uint8Array): string {
  const text =
    textOf(path) ??
    [...path].map((byte) => (byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`)).join('');
  return printable(text, 400);
}
