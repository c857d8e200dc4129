// Policy files from the disk, and a checker's findings as lines.

import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import type { PolicyChecked } from '../api/policy.ts';
import { limits } from '../core/limits.ts';
import { SallyportError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { fileFault } from '../platform/file-fault.ts';
import { tone } from './output.ts';

/** File name -> Cedar text. A folder stands for the *.cedar files in it, at any depth. */
export async function readPolicyFiles(paths: readonly string[]): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  let total = 0;
  for (const path of paths) {
    for (const [name, full] of await cedarFilesAt(path)) {
      if (Object.hasOwn(files, name)) {
        throw new SallyportError('invalid', `two policy files are named "${printable(name)}"`, {
          next: 'give the folder that holds both, or rename one',
        });
      }
      const text = await readText(full);
      total += text.length;
      if (total > limits.policyTextMaxBytes) {
        throw new SallyportError('too_large', `the policy is over ${limits.policyTextMaxBytes} bytes`, {
          next: 'check that these are the folders you mean',
        });
      }
      files[name] = text;
    }
  }
  if (Object.keys(files).length === 0) {
    throw new SallyportError('invalid', 'there are no policy files there', {
      next: 'give files, or a folder with files that end in ".cedar"',
    });
  }
  return files;
}

export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw fileFault(error, 'read', path);
  }
}

async function cedarFilesAt(path: string): Promise<readonly (readonly [name: string, full: string])[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [[basename(path), path]];
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && entry.name.endsWith('.cedar'))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((full) => [relative(path, full), full]);
  } catch (error) {
    throw fileFault(error, 'read', path);
  }
}

/** "night.cedar:12:3: unknown attribute …", with what would help below. */
export function findingLines(checked: PolicyChecked): readonly string[] {
  const lines: string[] = [];
  const add = (kind: 'problem' | 'warning', found: PolicyChecked['problems'][number]): void => {
    const place = [found.file, found.line, found.column].filter((part) => part !== undefined).join(':');
    const policy = found.policy === undefined ? '' : ` (policy "${printable(found.policy)}")`;
    const label = tone(kind === 'problem' ? 'bad' : 'warn', kind);
    lines.push(`${printable(place)}: ${label}: ${printable(found.message, 600)}${policy}`);
    if (found.help !== undefined) lines.push(`    help: ${printable(found.help, 600)}`);
  };
  for (const found of checked.problems) add('problem', found);
  for (const found of checked.warnings) add('warning', found);
  return lines;
}
