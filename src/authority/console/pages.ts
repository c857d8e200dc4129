// The console's files, as `npm run build` made them: held in memory, served as they are. What has a hash in its name
// never changes; the one page is asked for anew each time. No script and no style but our own files runs there.

import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';

export interface PageAnswer {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Places inside the one page: each is that page. */
const places =
  /^\/(?:$|(?:enroll|recover|device|provider|requests|sessions|step-up|locks|approvers|passkeys)(?:\/[A-Za-z0-9_-]{1,64})?$)/;

const always: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'permissions-policy':
    'publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=()',
};

export class ConsolePages {
  readonly #files: ReadonlyMap<string, PageAnswer>;

  private constructor(files: ReadonlyMap<string, PageAnswer>) {
    this.#files = files;
  }

  /** Undefined where nothing was built there. */
  static async load(dir: string): Promise<ConsolePages | undefined> {
    const files = new Map<string, PageAnswer>();
    for (const name of await listed(dir)) {
      const type = types[extname(name)];
      if (type === undefined) continue;
      const isForever = name.startsWith('assets/');
      files.set(`/${name}`, {
        body: await readFile(join(dir, name)),
        headers: {
          ...always,
          'content-type': type,
          'cache-control': isForever ? 'public, max-age=31536000, immutable' : 'no-cache',
        },
      });
    }
    return files.has('/index.html') ? new ConsolePages(files) : undefined;
  }

  /** `path` without its query. */
  find(path: string): PageAnswer | undefined {
    return this.#files.get(places.test(path) ? '/index.html' : path);
  }
}

async function listed(dir: string): Promise<readonly string[]> {
  try {
    const found = await readdir(dir, { recursive: true, withFileTypes: true });
    return found
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
