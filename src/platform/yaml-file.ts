// Reads a YAML file into a plain value. Bad YAML is a sentence with the line, not a stack.

import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { errnoOf, fileFault } from './file-fault.ts';

export type YamlRead =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly fault: 'missing' }
  | { readonly ok: false; readonly fault: 'malformed'; readonly message: string };

/** Throws FileFault when the file is there and cannot be read. */
export async function readYamlFile(path: string): Promise<YamlRead> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { ok: false, fault: 'missing' };
    throw fileFault(error, 'read', path);
  }
  const document = parseDocument(text, { uniqueKeys: true });
  const first = document.errors[0];
  if (first !== undefined)
    return { ok: false, fault: 'malformed', message: first.message.split('\n')[0] ?? 'not YAML' };
  return { ok: true, value: document.toJS({ maxAliasCount: 0 }) as unknown };
}
