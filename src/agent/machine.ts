// Which machine a state directory belongs to, in a file of its own beside the state: a directory that came into
// an image by mistake would make every machine of that image the same device. The machine is known by
// /etc/machine-id (machine-id(5)), salted and hashed, so that the file tells nothing. Where a machine has none,
// nothing is bound and nothing is checked; where an image brings the id along too, only clone detection is left.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SallyportError } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { ensurePrivateDir, readPrivateFile, writeFileAtomic } from '../platform/files.ts';
import { text } from '../wire/fields.ts';
import { sha256 } from '../wire/signed.ts';

const idFile = '/etc/machine-id';

function machinePath(dir: string): string {
  return join(dir, 'machine.json');
}

/** Undefined where the machine has none, or not yet. */
export async function readMachineId(path = idFile): Promise<string | undefined> {
  try {
    const id = (await readFile(path, 'utf8')).trim();
    return /^[0-9a-f]{32}$/.test(id) ? id : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

/** From now on the directory belongs to this machine. */
export async function bindToMachine(dir: string, id: string | undefined): Promise<void> {
  if (id === undefined) return;
  const salt = randomBytes(16).toString('base64url');
  await ensurePrivateDir(dir);
  await writeFileAtomic(machinePath(dir), `${JSON.stringify({ salt, machine: sha256(`${salt} ${id}`) })}\n`);
}

/**
 * Throws `conflict` when the directory belongs to another machine; one that belongs to none is bound to this
 * one. `isMoved`: somebody says that it is right.
 */
export async function requireMachine(
  dir: string,
  facts: { readonly id: string | undefined; readonly isMoved: boolean },
): Promise<void> {
  const { id, isMoved } = facts;
  const kept = parseJsonObject((await readPrivateFile(machinePath(dir)))?.toString('utf8') ?? '');
  const salt = kept === undefined ? undefined : text(kept, 'salt');
  const isBound = salt !== undefined && id !== undefined;
  if (!isBound || isMoved) return await bindToMachine(dir, id);
  if (kept !== undefined && text(kept, 'machine') === sha256(`${salt} ${id}`)) return;
  throw new SallyportError('conflict', `the device in "${dir}" was made on another machine`, {
    next: 'a copy is no device of its own: move that directory away, and join with a token of its own; if this is that machine and its id was changed on purpose: sallyport agent run --moved',
  });
}
