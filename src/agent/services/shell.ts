// A terminal on the device: the account's login shell, or with `exec -t` a command in a terminal. What the
// person types goes in as it is (Ctrl-C is a byte that the terminal itself turns into a signal); what the
// terminal shows comes back as stdout.

import type { ExecParams, PtyParams, ShellParams } from '../../core/channel.ts';
import { SallyportError } from '../../core/errors.ts';
import type { ByteStream } from '../../link/byte-stream.ts';
import { frameType, type Exit } from '../../wire/frames.ts';
import { requireCommand, startDirectory } from './command.ts';
import { FrameChannel } from './frame-channel.ts';
import { foregroundGroup, hangUpGroup, signalGroup } from './processes.ts';
import { openPty, type Pty } from './pty.ts';
import type { RunningService, ServiceStart } from './service.ts';

/** A login shell. Every common shell takes -l; node-pty cannot give it a name that starts with a dash. */
export function startShell(params: ShellParams, start: ServiceStart): Promise<RunningService> {
  return startTerminal([start.account.shell, '-l'], params.pty, start);
}

/** `exec -t`. */
export function startExecInTerminal(
  params: ExecParams & { readonly pty: PtyParams },
  start: ServiceStart,
): Promise<RunningService> {
  return startTerminal(params.argv, params.pty, start);
}

async function startTerminal(
  argv: readonly string[],
  pty: PtyParams,
  start: ServiceStart,
): Promise<RunningService> {
  const { account, env, scope } = start;
  const [, cwd] = await Promise.all([requireCommand(argv[0] ?? '', account), startDirectory(account)]);
  let terminal: Pty;
  try {
    terminal = await openPty({
      argv: scope.wrap([...account.become, ...argv]),
      cwd,
      env: { ...env, PWD: cwd },
      ...pty,
    });
  } catch (cause) {
    throw new SallyportError('service_failed', 'no terminal could be opened on the device', {
      next: 'see the log of the agent on the device',
      cause,
    });
  }
  scope.started(terminal.pid);
  return new Terminal(terminal);
}

class Terminal implements RunningService {
  readonly #pty: Pty;
  #hasExited = false;

  constructor(pty: Pty) {
    this.#pty = pty;
  }

  get hasEnded(): boolean {
    return this.#hasExited;
  }

  async join(stream: ByteStream, onBytes: (count: number) => void): Promise<void> {
    const pty = this.#pty;
    const channel = new FrameChannel(
      stream,
      {
        onStdin: (payload) => pty.write(payload),
        // Ctrl-D, which a terminal in its usual mode takes for the end of input.
        onStdinEnd: () => void pty.write(Uint8Array.of(4)),
        onResize: (cols, rows) => {
          if (!this.#hasExited) pty.resize(cols, rows);
        },
        onSignal: (signal) => {
          if (!this.#hasExited) signalGroup(foregroundGroup(pty.pid), signal);
        },
        onCut: () => this.hangUp(),
        onDrain: () => pty.resume(),
      },
      onBytes,
    );
    const exit = await new Promise<Exit>((resolve) => {
      pty.listen({
        onData: (chunk) => {
          if (!channel.send(frameType.stdout, chunk)) pty.pause();
        },
        onDrain: () => channel.resumeInput(),
        onEnd: resolve,
      });
    });
    this.#hasExited = true;
    channel.finish(exit);
    await channel.closed;
  }

  hangUp(): void {
    hangUpGroup(this.#pty.pid, () => this.#hasExited);
    this.#pty.destroy();
  }
}
