// One exchange with a system that an administrator configured: HTTPS only, no redirect (where one led is not what was
// configured), bounded in size and time.

import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { parseJsonObject, type JsonObject } from '../core/json.ts';
import { limits } from '../core/limits.ts';

export interface HttpsQuestion {
  /** Default GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** PEM, instead of the usual authorities: for a system with a certificate of its own. */
  readonly ca?: string | undefined;
}

export interface HttpsAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Rejects with an Error in words. */
export function askHttps(url: URL, question: HttpsQuestion = {}): Promise<HttpsAnswer> {
  const { method = 'GET', headers = {}, body, ca } = question;
  if (url.protocol !== 'https:') return Promise.reject(new Error(`"${url.href}" is not https`));
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(limits.providerTimeoutMs);
    const asked = request(url, { method, signal, headers, ...(ca === undefined ? {} : { ca }) });
    asked.on('error', reject);
    asked.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > limits.providerAnswerMaxBytes) response.destroy(new Error('the answer is too long'));
        else chunks.push(chunk);
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    asked.end(body);
  });
}

/** One JSON object; undefined where there is none (status 404 or 410). Rejects with an Error in words for all else. */
export async function findJson(
  url: URL,
  { ca, headers }: Pick<HttpsQuestion, 'ca' | 'headers'> = {},
): Promise<JsonObject | undefined> {
  const { status, body } = await askHttps(url, { ca, headers: { ...headers, accept: 'application/json' } });
  if (status === 404 || status === 410) return undefined;
  if (status !== 200) throw new Error(`"${url.origin}" answered with status ${status}`);
  const read = parseJsonObject(body.toString('utf8'));
  if (read === undefined) throw new Error(`"${url.origin}" did not answer with a JSON object`);
  return read as JsonObject;
}

/** The same where there has to be one. */
export async function getJson(
  url: URL,
  question: Pick<HttpsQuestion, 'ca' | 'headers'> = {},
): Promise<JsonObject> {
  const found = await findJson(url, question);
  if (found === undefined) throw new Error(`"${url.href}" is not there`);
  return found;
}
