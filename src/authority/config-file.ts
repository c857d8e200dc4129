// A YAML file of the data directory beside broker.yaml (tickets.yaml, notifications.yaml, providers.yaml): read at the
// start, whole and strict, or refused in words.

import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { SallyportError } from '../core/errors.ts';
import { fileFault } from '../platform/file-fault.ts';
import { readPrivateFile } from '../platform/files.ts';
import { readYamlFile } from '../platform/yaml-file.ts';

export interface ConfigFile<T> {
  readonly path: string;
  readonly shape: z.ZodType<T>;
  /** Where whole examples are: "docs/tickets.md". */
  readonly docs: string;
}

/** Undefined without the file. Throws SallyportError. */
export async function readConfigFile<T>(file: ConfigFile<T>): Promise<T | undefined> {
  const read = await readYamlFile(file.path);
  if (!read.ok && read.fault === 'missing') return undefined;
  if (!read.ok) throw unusable(file, `is not YAML: ${read.message}`);
  const parsed = file.shape.safeParse(read.value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  // Of a key in a record the reason stands one deeper.
  const reason = issue?.code === 'invalid_key' ? issue.issues[0] : issue;
  throw unusable(file, `"${issue?.path.join('.') ?? ''}": ${reason?.message ?? 'is not valid'}`);
}

export type Named = Pick<ConfigFile<unknown>, 'path' | 'docs'>;

/** PEM of authorities that a file names. Throws SallyportError. */
export async function readCaFile(file: Named, caFile: string): Promise<string> {
  try {
    return await readFile(caFile, 'utf8');
  } catch (error) {
    const { message } = fileFault(error, 'read', caFile);
    throw unusable(file, `names a "caFile" that is of no use: ${message}`);
  }
}

/** One secret, without the space around it, of a file of mode 0600. Undefined: it is missing, or empty. */
export async function readSecretFile(path: string): Promise<string | undefined> {
  const text = (await readPrivateFile(path))?.toString('utf8').trim();
  return text === '' ? undefined : text;
}

/** `what` goes on from the file's name. */
export function unusable({ path, docs }: Named, what: string): SallyportError {
  return new SallyportError('invalid', `"${path}" ${what}`, {
    next: `${docs} shows a whole example; correct it, then start again`,
  });
}
