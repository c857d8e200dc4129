// An HTTP CONNECT proxy on node:net, as small as one can be and still real: it asks for credentials, refuses,
// stalls or ends tunnels where a test says so, and remembers what it was asked. Runs in a test's own process,
// or by itself (connect-proxy-main.ts) where a test needs it on another machine.

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface Conversation {
  /** The whole head of the request, as it came. */
  readonly head: string;
  readonly target: string;
}

export interface ProxyBehaviour {
  /** "user:password"; without it everybody may come. */
  credentials?: string;
  /** In place of an answer: these bytes, and nothing after them. "" = silence. */
  says?: string;
  /** In place of an answer: the connection is closed. */
  closes?: boolean;
  /** Where a target really is; default: where it says. */
  resolve?: (target: string) => string;
}

const headMaxLength = 16 * 1024;

export class ConnectProxy {
  readonly asked: Conversation[] = [];
  behaviour: ProxyBehaviour;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(behaviour: ProxyBehaviour) {
    this.behaviour = behaviour;
    this.#server = createServer((socket) => this.#greet(this.#keep(socket)));
  }

  static async start(
    behaviour: ProxyBehaviour = {},
    listen = { host: '127.0.0.1', port: 0 },
  ): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(behaviour);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(listen.port, listen.host, resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Ends every tunnel, as proxies do with what lives too long. */
  endTunnels(): void {
    for (const socket of this.#sockets) socket.end();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }

  #greet(client: Socket): void {
    let head = '';
    const onData = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end === -1 && head.length < headMaxLength) return;
      client.off('data', onData).pause();
      this.#answer(client, head);
    };
    client.on('data', onData);
  }

  #answer(client: Socket, head: string): void {
    const { credentials, says, closes, resolve } = this.behaviour;
    const target = /^CONNECT (\S+) HTTP\/1\.1\r\n/.exec(head)?.[1] ?? '';
    this.asked.push({ head, target });
    if (closes === true) return void client.end();
    if (says !== undefined) return void client.resume().write(says, 'latin1');
    if (target === '') return void client.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    const shown = /^proxy-authorization: basic (\S+)\r$/im.exec(head)?.[1] ?? '';
    if (credentials !== undefined && Buffer.from(shown, 'base64').toString() !== credentials) {
      return void client.end(
        'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="corp"\r\n\r\n',
      );
    }
    const place = resolve?.(target) ?? target;
    const at = place.lastIndexOf(':');
    const host = place.slice(0, at).replace(/^\[|\]$/g, '');
    const far = this.#keep(connect({ host, port: Number(place.slice(at + 1)), noDelay: true }));
    const refuse = (): void => void client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    far.once('error', refuse);
    far.once('connect', () => {
      far.off('error', refuse);
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(far);
      far.pipe(client);
      client.once('close', () => far.destroy());
      far.once('close', () => client.destroy());
    });
  }
}
