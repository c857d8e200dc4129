// What the three bare processes agree on: HTTP/2 over mutual TLS 1.3, argv in a header, exit code in a
// trailer. No product code: this is the floor that the product is measured against.

import type { IncomingHttpHeaders, Settings } from 'node:http2';
import type { SecureContextOptions } from 'node:tls';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type BareParty = 'gate' | 'agent' | 'operator';

/** The same windows as the product's: the bench compares code, not settings. */
export const settings: Settings = { initialWindowSize: 1024 * 1024, enablePush: false };
export const sessionWindowBytes = 16 * 1024 * 1024;

export interface BareOptions extends SecureContextOptions {
  readonly minVersion: 'TLSv1.3';
  readonly ALPNProtocols: string[];
}

/** Key, certificate and root of one party, as bench/bare/certificates.ts wrote them. */
export function tlsOf(folder: string, party: BareParty): BareOptions {
  return {
    key: readFileSync(join(folder, `${party}.key`)),
    cert: readFileSync(join(folder, `${party}.crt`)),
    ca: readFileSync(join(folder, 'root.crt')),
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['h2'],
  };
}

export interface BareRequest {
  readonly kind: 'exec' | 'shell';
  readonly argv: readonly string[];
}

export function requestHeaders(request: BareRequest): Record<string, string> {
  return {
    ':method': 'POST',
    ':path': `/${request.kind}`,
    'bare-argv': Buffer.from(JSON.stringify(request.argv)).toString('base64url'),
  };
}

export function readRequest(headers: IncomingHttpHeaders): BareRequest {
  const argv = JSON.parse(Buffer.from(String(headers['bare-argv']), 'base64url').toString()) as string[];
  return { kind: headers[':path'] === '/shell' ? 'shell' : 'exec', argv };
}
