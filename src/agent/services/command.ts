// Which program a command means, found before anything starts, so that "no such command" is an answer in
// words and not a channel that ends at once. Looks as execvp does, in the PATH that the command will have.

import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { pathOf, type Account } from './account.ts';

/** Programs once found are not looked for again: the check is for words, the kernel has the last one. */
const rememberedMax = 256;
const remembered = new Set<string>();

/** Throws service_failed when there is nothing to run. */
export async function requireCommand(word: string, account: Account): Promise<void> {
  const places = word.includes('/')
    ? [isAbsolute(word) ? word : resolve(account.home, word)]
    : pathOf(account)
        .split(':')
        .map((dir) => join(dir, word));
  if (places.some((place) => remembered.has(place))) return;
  for (const place of places) {
    if (!(await isProgram(place))) continue;
    if (remembered.size >= rememberedMax) remembered.clear();
    remembered.add(place);
    return;
  }
  throw new SallyportError('service_failed', `this device has no command "${printable(word)}"`, {
    next: 'check the spelling, or give the whole path',
  });
}

/** The directory it starts in: the home, as at a login, or the root where there is no home. */
export async function startDirectory(account: Account): Promise<string> {
  try {
    return (await stat(account.home)).isDirectory() ? account.home : '/';
  } catch (error) {
    if (error instanceof Error && 'code' in error) return '/';
    throw error;
  }
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}
