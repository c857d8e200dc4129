// One JSON document from an identity provider: HTTPS only, no redirect (where one led is not what was configured),
// bounded in size and time.

import { request } from 'node:https';
import { limits } from '../../core/limits.ts';
import { parseJsonObject, type JsonObject } from '../../core/json.ts';

export interface GetOptions {
  /** PEM, instead of the usual authorities: for a provider with a certificate of its own. */
  readonly ca?: string | undefined;
}

/** Rejects with an Error in words. */
export function getJson(url: URL, { ca }: GetOptions = {}): Promise<JsonObject> {
  if (url.protocol !== 'https:') return Promise.reject(new Error(`"${url.href}" is not https`));
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(limits.providerTimeoutMs);
    const asked = request(url, {
      signal,
      headers: { accept: 'application/json' },
      ...(ca === undefined ? {} : { ca }),
    });
    asked.on('error', reject);
    asked.on('response', (response) => {
      if (response.statusCode !== 200) {
        response.destroy();
        return reject(new Error(`"${url.origin}" answered with status ${response.statusCode ?? 0}`));
      }
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > limits.providerAnswerMaxBytes) response.destroy(new Error('the answer is too long'));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        const read = parseJsonObject(Buffer.concat(chunks).toString('utf8'));
        if (read === undefined) reject(new Error(`"${url.origin}" did not answer with a JSON object`));
        else resolve(read as JsonObject);
      });
    });
    asked.end();
  });
}
