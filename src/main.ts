// Picks a command, loads only that, runs it, and translates whatever stopped it: once, here. bin/sallyport.js
// calls `main`. Nothing heavy may be imported at the top: every command pays for it.

import { exitStatus, SallyportError } from './core/errors.ts';
import { printable } from './core/printable.ts';
import { findCommand, firstWords, commandsOf, type Found } from './cli/commands.ts';
import type { CommandSpec } from './cli/catalogue/spec.ts';
import { parseOptions, type Options } from './cli/parse.ts';
import { renewalDue, signInUsed } from './cli/profile.ts';
import { report } from './cli/report.ts';
import { nearest } from './cli/suggest.ts';

/** As a shell shows a program that SIGPIPE ended. */
const brokenPipeStatus = 128 + 13;

/** Runs one command and ends the process with its status. */
export async function main(argv: readonly string[]): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      process.exit(error.code === 'EPIPE' ? brokenPipeStatus : exitStatus.failed);
    });
  }
  const status = await run(argv);
  // process.exit drops what a pipe has not taken yet.
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
  process.exit(status);
}

async function run(argv: readonly string[]): Promise<number> {
  const words = argv[0] === '--version' || argv[0] === '-V' ? ['version', ...argv.slice(1)] : argv;
  if (isHelp(words[0])) return showHelp(words.slice(1));
  const found = findCommand(words);
  try {
    return found.kind === 'command'
      ? await runCommand(found.spec, found.args)
      : await answerUnknown(found, words);
  } catch (error) {
    const isTransport = found.kind === 'command' && found.spec.isTransport === true;
    return report(error, { json: asksForJson(words), isTransport });
  }
}

async function runCommand(spec: CommandSpec, args: readonly string[]): Promise<number> {
  const parsed = parseOptions(spec, args);
  if (parsed.kind === 'help') {
    const { commandHelp } = await import('./cli/help.ts');
    process.stdout.write(commandHelp(spec));
    return exitStatus.done;
  }
  if (parsed.options['noColor'] === true) process.env['NO_COLOR'] = '1';
  const module = await spec.load();
  const runTyped = module.run as (options: Options) => Promise<number>;
  const status = await runTyped(parsed.options);
  await renewAfterwards();
  return status;
}

/** Past half its life the sign-in is renewed, after the work and without a word. */
async function renewAfterwards(): Promise<void> {
  const used = signInUsed();
  const now = Date.now();
  if (used === undefined || renewalDue(used, now) === 'no') return;
  const { renewQuietly } = await import('./cli/renewal.ts');
  await renewQuietly(used, now);
}

function isHelp(word: string | undefined): boolean {
  return word === undefined || word === 'help' || word === '--help' || word === '-h';
}

async function showHelp(words: readonly string[]): Promise<number> {
  const help = await import('./cli/help.ts');
  const found = findCommand(words);
  if (found.kind === 'command') process.stdout.write(help.commandHelp(found.spec));
  else if (found.kind === 'noun') process.stdout.write(help.nounHelp(found.noun));
  else process.stdout.write(help.overviewHelp());
  return exitStatus.done;
}

async function answerUnknown(
  found: Exclude<Found, { kind: 'command' }>,
  words: readonly string[],
): Promise<number> {
  if (found.kind === 'noun') {
    if (found.verb === undefined || isHelp(found.verb)) {
      const { nounHelp } = await import('./cli/help.ts');
      const isAsked = found.verb !== undefined;
      (isAsked ? process.stdout : process.stderr).write(nounHelp(found.noun));
      return isAsked ? exitStatus.done : exitStatus.usage;
    }
    const verbs = commandsOf(found.noun).map((spec) => spec.path.slice(found.noun.length + 1));
    throw unknownCommand(words.slice(0, 2).join(' '), {
      guess: nearest(found.verb, verbs),
      prefix: `${found.noun} `,
      help: `sallyport ${found.noun} --help`,
    });
  }
  if (found.typed === '__complete') {
    const { complete } = await import('./cli/complete.ts');
    return complete(words.slice(1));
  }
  throw unknownCommand(found.typed, {
    guess: nearest(found.typed, firstWords()),
    prefix: '',
    help: 'sallyport --help',
  });
}

function unknownCommand(
  typed: string,
  known: { readonly guess: string | undefined; readonly prefix: string; readonly help: string },
): SallyportError {
  const guess = known.guess === undefined ? '' : `did you mean "sallyport ${known.prefix}${known.guess}"? `;
  return new SallyportError('invalid', `unknown command "${printable(typed, 60)}"`, {
    next: `${guess}see "${known.help}"`,
  });
}

/** Also when the flags could not be parsed. What follows "--" belongs to another program. */
function asksForJson(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return (end === -1 ? words : words.slice(0, end)).includes('--json');
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}
