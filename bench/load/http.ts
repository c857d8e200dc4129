// Load generator: keep-alive connections, each with one small GET under way. Written on raw sockets and
// without parsing, so that the client is not what is measured: every answer of targets/http.ts has the
// length of the first one.

import { connect, type Socket } from 'node:net';
import { answerRequests } from './answer.ts';

export interface HttpRequest {
  readonly port: number;
  readonly connections: number;
  readonly warmUpMs: number;
  readonly forMs: number;
}

export interface HttpResult {
  readonly answers: number;
  /** Those of the warm-up among them. */
  readonly answersInAll: number;
  readonly ms: number;
}

const request = Buffer.from('GET /state HTTP/1.1\r\nHost: device\r\n\r\n');
const firstMaxMs = 20_000;

async function run({ port, connections, warmUpMs, forMs }: HttpRequest): Promise<HttpResult> {
  const length = await lengthOfAnswer(port);
  const failed = Promise.withResolvers<never>();
  let answers = 0;
  const sockets = Array.from({ length: connections }, () =>
    ask(port, {
      length,
      onAnswer: () => {
        answers += 1;
      },
      onFault: failed.reject,
    }),
  );
  try {
    await Promise.race([wait(warmUpMs), failed.promise]);
    const before = answers;
    const startedAt = performance.now();
    await Promise.race([wait(forMs), failed.promise]);
    return { answers: answers - before, answersInAll: answers, ms: performance.now() - startedAt };
  } finally {
    for (const socket of sockets) socket.removeAllListeners('close').destroy();
  }
}

interface Asking {
  readonly length: number;
  readonly onAnswer: () => void;
  readonly onFault: (error: Error) => void;
}

function ask(port: number, { length, onAnswer, onFault }: Asking): Socket {
  let received = 0;
  const socket = connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafe(64 * 1024),
      callback: (size) => {
        received += size;
        if (received < length) return true;
        if (received > length) onFault(new Error(`${received} bytes came instead of ${length}`));
        received = 0;
        onAnswer();
        socket.write(request);
        return true;
      },
    },
  });
  socket.on('error', onFault);
  socket.on('close', () => onFault(new Error('a connection was closed')));
  socket.write(request);
  return socket;
}

/** Asked once and read by the rules: head, then as many bytes as it says. */
function lengthOfAnswer(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), firstMaxMs);
    let said = '';
    socket.on('data', (bytes: Buffer) => {
      said += bytes.toString('latin1');
      const bodyAt = said.indexOf('\r\n\r\n') + 4;
      const bodyBytes = Number(/content-length: (\d+)/i.exec(said)?.[1]);
      if (!said.startsWith('HTTP/1.1 200 ') || said.length !== bodyAt + bodyBytes) return;
      resolve(said.length);
      socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new Error(`no whole answer came: ${said.slice(0, 80)}`));
    });
    socket.write(request);
  });
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

await answerRequests((request) => run(request as HttpRequest));
