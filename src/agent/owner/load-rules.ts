// agent.yaml on the disk: beside the agent's state, or where --config says. Whoever may write it is the
// device's owner, so nobody else may.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SallyportError } from '../../core/errors.ts';
import { errnoOf, FileFault, fileFault } from '../../platform/file-fault.ts';
import { readYamlFile } from '../../platform/yaml-file.ts';
import { parseOwnerRules, type OwnerRules } from './rules.ts';

export interface RulesFile {
  readonly path: string;
  /** Named by its owner: then it has to be there. */
  readonly isNamed: boolean;
}

export function rulesFile(stateDir: string, config: string | undefined): RulesFile {
  return { path: config ?? join(stateDir, 'agent.yaml'), isNamed: config !== undefined };
}

/** Undefined when there is no such file. Throws SallyportError or FileFault with words. */
export async function loadRules(path: string): Promise<OwnerRules | undefined> {
  if (!(await isOwnersFile(path))) return undefined;
  const read = await readYamlFile(path);
  if (!read.ok && read.fault === 'missing') return undefined;
  const rules = read.ok ? parseOwnerRules(read.value) : `it is not YAML: ${read.message}`;
  if (typeof rules !== 'string') return rules;
  throw new SallyportError('invalid', `"${path}": ${rules}`, { next: 'docs/agent.md lists every key' });
}

/** False when it is not there. Throws where somebody else could have written it. */
async function isOwnersFile(path: string): Promise<boolean> {
  try {
    const { uid, mode } = await stat(path);
    const own = process.getuid?.() ?? uid;
    if (uid !== own && uid !== 0) {
      throw new FileFault('wrong_owner', path, {
        message: `"${path}" belongs to user ${uid}, not to root or to user ${own} who runs this`,
        next: 'give it to root: the rules are those of the device',
      });
    }
    if ((mode & 0o022) === 0) return true;
    throw new FileFault('loose_mode', path, {
      message: `"${path}" can be written by others (mode ${(mode & 0o777).toString(8).padStart(3, '0')})`,
      next: 'take the right from them: chmod go-w, on this file',
    });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw fileFault(error, 'read', path);
  }
}
