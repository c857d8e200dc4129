// A ticket system that is asked, on TLS with a certificate of its own authority: one JSON object for each ticket.

import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { privatePem } from '../../src/platform/keys.ts';
import { makeLeaf, makePki } from '../contract/pki-fixture.ts';

export interface TicketSystem {
  readonly origin: string;
  /** PEM of the authority behind its certificate. */
  readonly ca: string;
  /** By number. */
  readonly tickets: Map<string, unknown>;
  /** What it was asked: path and authorization. */
  readonly asked: { readonly path: string; readonly authorization: string | undefined }[];
  /** Answers with this instead; hang: not at all. */
  fault: number | 'hang' | undefined;
  close(): void;
}

export async function startTicketSystem(): Promise<TicketSystem> {
  const now = Date.now();
  const pki = await makePki(now);
  const leaf = await makeLeaf(pki.issuing, 'authority', { now });
  const server = createServer(
    { key: privatePem(leaf.privateKey), cert: leaf.chainPem },
    (request, response) => {
      const path = request.url ?? '';
      system.asked.push({ path, authorization: request.headers.authorization });
      if (system.fault === 'hang') return;
      const [, number = ''] = /^\/api\/([^?]*)/.exec(path) ?? [];
      const ticket = system.tickets.get(decodeURIComponent(number));
      const status = system.fault ?? (ticket === undefined ? 404 : 200);
      response.writeHead(status, { 'content-type': 'application/json', location: 'https://evil.example/' });
      response.end(JSON.stringify(ticket ?? {}));
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const system: TicketSystem = {
    origin: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: pki.root.certificatePem,
    tickets: new Map(),
    asked: [],
    fault: undefined,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return system;
}
