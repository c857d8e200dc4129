// Which commands and which paths of its kinds a request is for, where it says so.

import type { z } from 'zod';
import type { requestBody } from '../../api/requests.ts';
import { commandLine } from '../../core/command-words.ts';
import type { QuestionContext } from '../../core/decision.ts';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { normalPath } from '../../core/remote-path.ts';
import type { RequestAction, RequestScope } from '../../core/request.ts';
import { requireCommand } from '../admin/require-command.ts';

export type Which = Pick<RequestScope, 'commands' | 'paths'>;
type One = Pick<QuestionContext, 'argv' | 'path'>;

/** Throws `invalid` for what is no command, or no path in its normal form; `too_large`. */
export function whichOf({ commands, paths }: z.infer<typeof requestBody>): Which {
  const which = {
    ...(commands === undefined ? {} : { commands: commands.map(requireCommand) }),
    ...(paths === undefined ? {} : { paths: paths.map(requirePath) }),
  };
  if (Buffer.byteLength(JSON.stringify(which)) <= limits.requestScopeMaxBytes) return which;
  throw new SallyportError('too_large', 'so many commands and paths are too much for one request', {
    next: 'ask for them in several requests, or for a directory above',
  });
}

function requirePath(text: string): string {
  const path = normalPath(text);
  if (path !== undefined) return path;
  throw new SallyportError('invalid', `"${printable(text, 80)}" is no path to ask for`, {
    next: 'write it from the root or from home, as /etc/valve.conf or ~/logs',
  });
}

/** Whoever says which commands or paths means these kinds. */
export function kindsOf({ commands, paths }: Which): readonly RequestAction[] | undefined {
  const kinds: RequestAction[] = [];
  if (commands !== undefined) kinds.push('exec');
  if (paths !== undefined) kinds.push('upload', 'download');
  return kinds.length === 0 ? undefined : kinds;
}

export function requireFitting(kinds: readonly RequestAction[], { commands, paths }: Which): void {
  if (commands !== undefined && (kinds.includes('shell') || !kinds.includes('exec'))) {
    throw new SallyportError('invalid', 'which commands is said of exec, and a shell runs any', {
      next: 'leave shell away, or ask for it without --command',
    });
  }
  if (paths !== undefined && !kinds.includes('upload') && !kinds.includes('download')) {
    throw new SallyportError('invalid', 'which paths is said of upload and download', {
      next: 'name one of these kinds, or leave --path away',
    });
  }
}

/** A path alone does not say in which direction: where policy opens one of them, that one was meant. */
export function withoutUnmeant(
  kinds: readonly RequestAction[],
  isOpened: (kind: RequestAction) => boolean,
): readonly RequestAction[] {
  const opened = kinds.filter((kind) => isOfFiles(kind) && isOpened(kind));
  return opened.length === 0 ? kinds : kinds.filter((kind) => !isOfFiles(kind) || opened.includes(kind));
}

function isOfFiles(kind: RequestAction): boolean {
  return kind === 'upload' || kind === 'download';
}

/** One command or path of a kind, or the kind as a whole. */
export interface Each {
  readonly action: RequestAction;
  readonly which?: One;
}

/** What policy is asked about a kind, each by itself. */
export function each(action: RequestAction, { commands, paths }: Which): readonly Each[] {
  if (action === 'exec' && commands !== undefined)
    return commands.map((argv) => ({ action, which: { argv } }));
  if (isOfFiles(action) && paths !== undefined) return paths.map((path) => ({ action, which: { path } }));
  return [{ action }];
}

export function helpless(target: string, action: RequestAction, { argv, path = '' }: One): SallyportError {
  const what = printable(argv === undefined ? path : commandLine(argv), 80);
  return new SallyportError(
    'denied',
    `no approval would let you ${action} "${what}" on "${printable(target)}"`,
    {
      next: 'ask for what a policy with @approvers opens (--kind says for which): docs/approvals.md',
    },
  );
}
