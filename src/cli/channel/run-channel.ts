// One channel from the first key to the exit status: joins the exchange to the terminal or the pipes,
// gives signals, keys and resizes their meaning, and says in words how it ended when it did not end by
// itself. Shared by shell and exec.

import { constants } from 'node:os';
import type { SessionView } from '../../api/sessions.ts';
import { describeEndReason } from '../../core/end-reason.ts';
import { exitStatus, SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { Exit } from '../../wire/frames.ts';
import { call } from '../api.ts';
import type { SignIn } from '../profile.ts';
import { escapeHelp, readEscapes, type EscapeState } from './escape.ts';
import { Exchange, type ChannelEnd } from './exchange.ts';
import type { OpenedChannel } from './open-channel.ts';
import { makeRaw, terminalSize, type RawTerminal } from './terminal.ts';

/** A second Ctrl-C within this time means "at once". */
const secondInterruptMs = 2_000;
/** How long the reason of a cut is asked for: it may be written a moment after the cut itself. */
const askReasonMs = 3_000;
const askReasonEveryMs = 100;

export interface ChannelUse {
  /** A remote terminal is shown: raw keys, resizes, escapes. Otherwise plain streams. */
  readonly isTerminal: boolean;
}

/** Runs the channel to its end and answers the exit status. */
export async function runChannel(me: SignIn, channel: OpenedChannel, use: ChannelUse): Promise<number> {
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
  channel.close();
  if (end.how === 'exit') return statusOf(end.exit);
  if (signalled !== undefined) return 128 + constants.signals[signalled];
  if (left.signal.aborted) {
    process.stderr.write('sallyport: session ended from here\n');
    return exitStatus.transport;
  }
  throw await explainCut(me, channel.session, end);
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

/** Why it was cut, from the broker: the gate's reset of a stream carries no words. */
async function explainCut(
  me: SignIn,
  session: SessionView,
  end: ChannelEnd & { how: 'cut' },
): Promise<SallyportError> {
  const deadline = performance.now() + askReasonMs;
  try {
    for (;;) {
      const seen = await call(
        me,
        'GET /v1/sessions/:id',
        { params: { id: session.id } },
        { timeoutMs: askReasonMs },
      );
      if (seen.endReason !== undefined) return endedError(seen, seen.endReason);
      if (performance.now() > deadline) break;
      await new Promise((resolve) => setTimeout(resolve, askReasonEveryMs));
    }
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    return new SallyportError(
      'session_ended',
      `session ended: the connection was lost, and the broker cannot be asked why (${printable(error.message)})`,
      { next: 'sallyport doctor', cause: end.error },
    );
  }
  return new SallyportError('session_ended', 'session ended: the connection was lost', {
    next: `sallyport sessions show ${session.id}`,
    cause: end.error,
  });
}

function endedError(session: SessionView, reason: NonNullable<SessionView['endReason']>): SallyportError {
  const detail = session.endDetail === undefined ? '' : `: ${session.endDetail}`;
  return new SallyportError('session_ended', `session ended: ${describeEndReason(reason)}${detail}`, {
    next: `sallyport sessions show ${session.id}`,
  });
}
