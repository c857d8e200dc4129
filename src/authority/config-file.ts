// A YAML file of the data directory beside broker.yaml (tickets.yaml, notifications.yaml): read at the start, whole and
// strict, or refused in words.

import type { z } from 'zod';
import { SallyportError } from '../core/errors.ts';
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
  throw unusable(file, `"${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'is not valid'}`);
}

/** `what` goes on from the file's name. */
export function unusable(
  { path, docs }: Pick<ConfigFile<unknown>, 'path' | 'docs'>,
  what: string,
): SallyportError {
  return new SallyportError('invalid', `"${path}" ${what}`, {
    next: `${docs} shows a whole example; correct it, then start again`,
  });
}
