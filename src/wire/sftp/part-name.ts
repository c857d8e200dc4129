// What a file is called on the device until a copy to it is whole: beside its place, so that a rename puts
// it there at once, and the same name each time, so that a copy that broke off is found again. Both ends
// hold to it: who may write a path may write this name beside it.

import { createHash } from 'node:crypto';

const suffix = Buffer.from('.sallyport-part');
const dot = Buffer.from('.');
/** NAME_MAX of every file system that matters. */
const nameMaxBytes = 255;

/** ".NAME.sallyport-part"; a name without room for that goes by the first 32 hex digits of its SHA-256. */
export function partName(name: Uint8Array): Buffer {
  const hasRoom = dot.length + name.length + suffix.length <= nameMaxBytes;
  const stem = hasRoom ? name : Buffer.from(createHash('sha256').update(name).digest('hex').slice(0, 32));
  return Buffer.concat([dot, stem, suffix]);
}
