// Somebody in front of the console, without the browser: the calls that its pages make, over TLS that is verified by
// the root that `sallyport trust` gives, with the cookie and the headers of a page.

import { request } from 'node:https';
import { collect } from '../program.ts';
import { VirtualPasskey } from './virtual-passkey.ts';

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export class ConsoleVisitor {
  readonly passkey: VirtualPasskey;
  readonly #origin: string;
  readonly #root: string;
  #cookie: string | undefined;

  /** `root`: PEM. */
  constructor(origin: string, root: string) {
    this.#origin = origin;
    this.#root = root;
    this.passkey = new VirtualPasskey(origin);
  }

  /** As the page behind the link does it. */
  async enroll(link: string): Promise<Answer> {
    const token = new URL(link).hash.slice(1);
    const begun = await this.post('/v1/passkeys/enroll/begin', { token });
    const attestation = this.passkey.create(begun.body['options'] as Readonly<Record<string, unknown>>);
    return await this.post('/v1/passkeys/enroll', { token, name: 'demo', attestation });
  }

  async get(path: string): Promise<Answer> {
    return await this.#ask('GET', path);
  }

  async post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return await this.#ask('POST', path, JSON.stringify(body), headers);
  }

  async #ask(
    method: string,
    path: string,
    payload?: string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const asked = request(new URL(path, this.#origin), {
      method,
      ca: this.#root,
      agent: false,
      headers: {
        'sec-fetch-site': 'same-origin',
        ...(method === 'GET' ? {} : { origin: this.#origin, 'content-type': 'application/json' }),
        ...(this.#cookie === undefined ? {} : { cookie: this.#cookie }),
        ...more,
      },
    });
    asked.end(payload);
    return await new Promise((resolve, reject) => {
      asked.once('error', reject);
      asked.once('response', (response) => {
        const [set] = response.headers['set-cookie'] ?? [];
        if (set !== undefined) this.#cookie = set.split(';', 1)[0];
        collect(response).then((text) => {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Answer['body'] });
        }, reject);
      });
    });
  }
}
