// One channel from the first key to the exit status: joins the exchange to the terminal or the pipes,
// gives signals, keys and resizes their meaning, and says in words how it ended when it did not end by
// itself. Shared by shell and exec.

import { constants } from 'node:os';
import { exitStatus, type SallyportError } from '../../core/errors.ts';
import type { Exit } from '../../wire/frames.ts';
import { escapeHelp, readEscapes, type EscapeState } from './escape.ts';
import { Exchange } from './exchange.ts';
import type { OpenedChannel } from './open-channel.ts';
import { makeRaw, terminalSize, type RawTerminal } from './terminal.ts';

/** A second Ctrl-C within this time means "at once". */
const secondInterruptMs = 2_000;
/** A device that ended the session itself says so within this time; then the connection is let go. */
const keepForReasonMs = 1_000;

export interface ChannelUse {
  /** A remote terminal is shown: raw keys, resizes, escapes. Otherwise plain streams. */
  readonly isTerminal: boolean;
  /** Why it was cut, in words. */
  readonly explain: (cause: unknown) => SallyportError | Promise<SallyportError>;
}

/** Runs the channel to its end and answers the exit status. */
export async function runChannel(
  channel: Pick<OpenedChannel, 'stream' | 'close'>,
  use: ChannelUse,
): Promise<number> {
  const exchange = new Exchange(channel.stream, { out: process.stdout, err: process.stderr });
  const left = new AbortController();
  let signalled: NodeJS.Signals | undefined;
  const leave = (signal?: NodeJS.Signals): void => {
    signalled ??= signal;
    left.abort();
    exchange.abort(new Error('ended here'));
  };
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => leave(signal));

  let terminal: RawTerminal | undefined;
  if (use.isTerminal) terminal = attachTerminal(exchange, leave);
  else attachStreams(exchange, leave);

  const end = await exchange.ended;
  terminal?.restore({ wasCut: end.how === 'cut' });
  process.stdin.pause();
  // With the connection goes the session, and with it a better reason that is on its way: the device's own.
  const mayExplain = end.how === 'cut' && !left.signal.aborted;
  if (!mayExplain) channel.close();
  if (end.how === 'exit') return statusOf(end.exit);
  if (signalled !== undefined) return 128 + constants.signals[signalled];
  if (left.signal.aborted) {
    process.stderr.write('sallyport: session ended from here\n');
    return exitStatus.transport;
  }
  const closing = setTimeout(() => channel.close(), keepForReasonMs);
  const explained = await use.explain(end.error);
  clearTimeout(closing);
  channel.close();
  throw explained;
}

function attachTerminal(exchange: Exchange, leave: () => void): RawTerminal {
  const { stdin } = process;
  const terminal = makeRaw(stdin);
  let escapes: EscapeState = 'line_start';
  stdin.on('data', (typed: Buffer) => {
    const read = readEscapes(escapes, typed);
    escapes = read.state;
    for (const part of read.parts) {
      if (part.kind === 'end') return leave();
      if (part.kind === 'help') process.stderr.write(`\r\n${escapeHelp}\r\n`);
      else send(exchange, part.bytes);
    }
  });
  // The terminal itself is gone: nobody is left to type "exit".
  stdin.on('end', leave);
  // A question that was asked before has left it paused, and a listener alone does not wake it then.
  stdin.resume();
  process.stdout.on('resize', () => exchange.resize(terminalSize()));
  return terminal;
}

function attachStreams(exchange: Exchange, leave: (signal: NodeJS.Signals) => void): void {
  const { stdin } = process;
  stdin.on('data', (bytes: Buffer) => send(exchange, bytes));
  stdin.on('end', () => exchange.endInput());
  // Standard input that cannot be read is an input that has ended, as for any program.
  stdin.on('error', () => exchange.endInput());
  let lastInterrupt = -Infinity;
  process.on('SIGINT', () => {
    const now = performance.now();
    if (now - lastInterrupt < secondInterruptMs) return leave('SIGINT');
    lastInterrupt = now;
    exchange.interrupt();
  });
}

function send(exchange: Exchange, bytes: Uint8Array): void {
  if (exchange.sendInput(bytes)) return;
  process.stdin.pause();
  exchange.onRoom(() => process.stdin.resume());
}

/** As a shell gives it: a signal is 128 and its number. */
export function statusOf(exit: Exit): number {
  if ('code' in exit) return exit.code;
  const numbers: Readonly<Record<string, number | undefined>> = constants.signals;
  const number = numbers[`SIG${exit.signal}`];
  return number === undefined ? exitStatus.transport : 128 + number;
}
