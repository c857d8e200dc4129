// A browser in front of the api in one process: its cookie, the headers that browsers send by themselves, and an
// authenticator beside it.

import assert from 'node:assert/strict';
import type { Invited } from '../../src/api/enrollments.ts';
import type { SignedIn } from '../../src/api/passkeys.ts';
import { Authenticator } from '../doubles/authenticator.ts';
import type { ApiWorld, Reply } from './api-world.ts';

export interface Browse {
  readonly body?: unknown;
  /** Over those of a page of the console. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly sourceIp?: string;
}

export class Browser {
  readonly authenticator: Authenticator;
  cookie: string | undefined;
  readonly #world: ApiWorld;
  readonly #origin: string;

  constructor(world: ApiWorld) {
    this.#world = world;
    this.#origin = world.ctx.broker.console?.origin ?? '';
    this.authenticator = new Authenticator(this.#origin);
  }

  async call<T = Record<string, unknown>>(request: string, options: Browse = {}): Promise<Reply<T>> {
    const [method = '', url = ''] = request.split(' ');
    const all: Record<string, string | undefined> = {
      'x-test-browser': '1',
      'x-test-address': options.sourceIp ?? '192.0.2.7',
      host: new URL(this.#origin).host,
      'sec-fetch-site': 'same-origin',
      ...(method === 'GET' ? {} : { origin: this.#origin }),
      ...(this.cookie === undefined ? {} : { cookie: this.cookie }),
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    };
    const headers = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    const response = await this.#world.api.app.inject({
      method: method as 'GET',
      url,
      headers: headers as Record<string, string>,
      ...(options.body === undefined ? {} : { payload: JSON.stringify(options.body) }),
    });
    const set = response.headers['set-cookie'];
    if (typeof set === 'string') {
      const [pair = ''] = set.split(';', 1);
      this.cookie = pair.endsWith('=') ? undefined : pair;
    }
    return {
      status: response.statusCode,
      body: JSON.parse(response.body) as T,
      text: response.body,
      type: String(response.headers['content-type']),
    };
  }

  async begin(request: string, body?: unknown): Promise<Readonly<Record<string, unknown>>> {
    const begun = await this.call<{ options?: Record<string, unknown> }>(
      request,
      body === undefined ? {} : { body },
    );
    if (begun.body.options === undefined) throw new Error(begun.text);
    return begun.body.options;
  }

  async enroll(token: string): Promise<Reply<SignedIn>> {
    const options = await this.begin('POST /v1/passkeys/enroll/begin', { token });
    const attestation = this.authenticator.create(options);
    return await this.call<SignedIn>('POST /v1/passkeys/enroll', {
      body: { token, name: 'laptop', attestation },
    });
  }

  async challenge(): Promise<string> {
    return String((await this.begin('POST /v1/passkeys/sign-in/begin'))['challenge']);
  }

  async signIn(): Promise<Reply<SignedIn>> {
    const assertion = this.authenticator.get(await this.challenge());
    return await this.call<SignedIn>('POST /v1/passkeys/sign-in', { body: { assertion } });
  }
}

/** A one-time invite, by the first administrator. Without roles: one more key for somebody who is here. */
export async function invite(world: ApiWorld, name: string, roles?: readonly string[]): Promise<string> {
  const body = { name, ...(roles === undefined ? {} : { roles }) };
  return (await world.call<Invited>(world.admin, 'POST /v1/identities/invitations', { body })).body.token;
}

/** Somebody's browser with a passkey, signed in. */
export async function enrolledBrowser(
  world: ApiWorld,
  name: string,
  roles?: readonly string[],
): Promise<Browser> {
  const browser = new Browser(world);
  const { status, text } = await browser.enroll(await invite(world, name, roles));
  assert.equal(status, 200, text);
  return browser;
}
