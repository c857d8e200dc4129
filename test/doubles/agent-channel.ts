// The operator's end of a shell or exec channel in the agent's tests: sends frames, collects what comes
// back, and knows how it ended.

import type { ByteStream, InboundEnd } from '../../src/link/byte-stream.ts';
import { readProblem, type Answer } from '../../src/link/client-session.ts';
import {
  decodeExit,
  encodeControl,
  encodeFrames,
  encodeResize,
  FrameDecoder,
  frameType,
  type Exit,
} from '../../src/wire/frames.ts';

export interface Ended {
  readonly how: InboundEnd['how'];
  readonly trailers: Readonly<Record<string, string>>;
  readonly exit: Exit | undefined;
  readonly out: string;
  readonly err: string;
  readonly outBytes: number;
}

export interface Conversation {
  readonly stream: ByteStream;
  readonly ended: Promise<Ended>;
  /** Text so far of standard output. */
  readonly out: string;
  stdin(text: string | Uint8Array): Promise<void>;
  endStdin(): void;
  resize(cols: number, rows: number): void;
  signal(name: string): void;
  /** Resolves once standard output holds the text; rejects when the channel ends before. */
  until(text: string | RegExp): Promise<void>;
}

/** Throws the problem of an answer that refuses. */
export async function converse(
  answer: Answer,
  options: { readonly keep?: boolean } = {},
): Promise<Conversation> {
  if (answer.status !== 200) throw await readProblem(answer);
  const { stream } = answer;
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  let exit: Exit | undefined;
  let outBytes = 0;
  let text = '';
  let hasEnded = false;
  const waiters: {
    readonly matches: () => boolean;
    readonly resolve: () => void;
    readonly reject: (e: Error) => void;
  }[] = [];
  let onDrain: () => void = () => undefined;
  const check = (): void => {
    for (const waiter of waiters) {
      if (waiter.matches()) waiter.resolve();
      else if (hasEnded) waiter.reject(new Error(`the channel ended with: ${text.slice(-2_000)}`));
    }
  };
  const decoder = new FrameDecoder([frameType.stdout, frameType.stderr, frameType.exit], (type, payload) => {
    if (type === frameType.exit) exit = decodeExit(payload);
    else if (type === frameType.stderr) err.push(Buffer.from(payload));
    else {
      outBytes += payload.length;
      if (options.keep === false) return;
      out.push(Buffer.from(payload));
      text += Buffer.from(payload).toString('latin1');
      check();
    }
  });
  const ended = new Promise<Ended>((resolve) => {
    stream.listen({
      onData: (chunk) => decoder.push(chunk),
      onDrain: () => onDrain(),
      onEnd(end) {
        hasEnded = true;
        check();
        stream.endClean();
        // After the end nobody says that there is room again.
        onDrain();
        resolve({
          how: end.how,
          trailers: end.how === 'clean' ? end.trailers : {},
          exit,
          out: Buffer.concat(out).toString('utf8'),
          err: Buffer.concat(err).toString('utf8'),
          outBytes,
        });
      },
    });
  });
  return {
    stream,
    ended,
    get out() {
      return text;
    },
    async stdin(data) {
      let hasRoom = true;
      for (const part of encodeFrames(frameType.stdin, typeof data === 'string' ? Buffer.from(data) : data)) {
        hasRoom = stream.write(part);
      }
      if (!hasRoom && !hasEnded) await new Promise<void>((resolve) => void (onDrain = resolve));
    },
    endStdin: () => void stream.write(encodeControl(frameType.stdinEnd)),
    resize: (cols, rows) => void stream.write(encodeResize(cols, rows)),
    signal: (name) => void stream.write(encodeControl(frameType.signal, Buffer.from(name))),
    until: (wanted) =>
      new Promise((resolve, reject) => {
        const matches = (): boolean =>
          typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text);
        waiters.push({ matches, resolve, reject });
        check();
      }),
  };
}
