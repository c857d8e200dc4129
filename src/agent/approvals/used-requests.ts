// Which approved requests were used here: each opens one session, and that is on the disk before the session's first
// byte (design section 6). Kept for good as far as it matters: what made room here is over by its time, and no
// clock that is turned back makes it usable again.

import { join } from 'node:path';
import { SallyportError } from '../../core/errors.ts';
import { parseJsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { readPrivateFile, writeFileAtomic } from '../../platform/files.ts';
import { complete, object, text, whole } from '../../wire/fields.ts';
import type { Pass } from '../../wire/pass.ts';
import type { ApprovedRequest } from './check-approval.ts';

const fileFormat = 1;

interface Use {
  readonly session: string;
  /** A session lives on one link: the same id on another one is another session. */
  readonly linkNonce: string;
  /** Unix ms, signed time: when a session that began now ends at the latest. */
  readonly endsAt: number;
  readonly usableUntil: number;
  /** Passkey -> its counter when it signed. */
  readonly counters: Readonly<Record<string, unknown>>;
  /** Its session has ended here: whoever gave the id out gives it out once. */
  readonly isOver?: true;
}

export type UseAnswer =
  | { readonly ok: true; readonly endsAt: number }
  | { readonly ok: false; readonly code: 'approval_used' | 'approval_expired'; readonly title: string };

export class UsedRequests {
  readonly #path: string;
  /** By the digest of the request, the oldest use first. */
  readonly #uses: Map<string, Use>;
  /** Of whatever was forgotten, the latest `usableUntil`. */
  #forgotten: number;
  #written: Promise<void> = Promise.resolve();

  private constructor(path: string, kept: Kept) {
    this.#path = path;
    this.#uses = new Map(kept.uses);
    this.#forgotten = kept.forgotten;
  }

  /** Throws SallyportError: without knowing what was used, nothing is. */
  static async open(stateDir: string): Promise<UsedRequests> {
    const path = join(stateDir, 'used-requests.json');
    const bytes = await readPrivateFile(path);
    const kept = bytes === undefined ? nothing : read(bytes.toString('utf8'));
    if (kept !== undefined) return new UsedRequests(path, kept);
    throw new SallyportError('local_file', `"${path}" is damaged: which approvals were used is not known`, {
      next: 'put it back from a backup; without it, move it away and pin the next approver set (docs/approvals.md)',
    });
  }

  /**
   * Uses it up for this session; the same session may show it again. Resolves once that is on the disk; throws
   * FileFault where it cannot be written, and then it was not used.
   */
  async use(
    approved: ApprovedRequest,
    { session, linkNonce }: Pick<Pass, 'session' | 'linkNonce'>,
    now: number,
  ): Promise<UseAnswer> {
    const { digest, usableUntil, forMs } = approved;
    const known = this.#uses.get(digest);
    if (known !== undefined) {
      const isSame = known.session === session && known.linkNonce === linkNonce;
      if (!isSame || known.isOver === true)
        return { ok: false, code: 'approval_used', title: 'the approved request was used before' };
      if (now >= known.endsAt)
        return { ok: false, code: 'approval_expired', title: 'what was approved is over' };
      await this.#written;
      return { ok: true, endsAt: known.endsAt };
    }
    if (now >= usableUntil || usableUntil <= this.#forgotten)
      return { ok: false, code: 'approval_expired', title: 'the approved request was to be used earlier' };
    // Two requests are decided in one order and used in another, so a lower counter proves nothing; the same does.
    if (this.#isCountedTwice(approved))
      return {
        ok: false,
        code: 'approval_used',
        title: "a passkey's counter was seen before: it may be a copy",
      };
    const counters = Object.fromEntries(approved.counters);
    const use = { session, linkNonce, endsAt: now + forMs, usableUntil, counters };
    this.#uses.set(digest, use);
    this.#forget();
    try {
      await this.#write();
    } catch (error) {
      this.#uses.delete(digest);
      throw error;
    }
    return { ok: true, endsAt: use.endsAt };
  }

  /** A session has ended here. */
  end(session: string): void {
    for (const [digest, use] of this.#uses)
      if (use.session === session) this.#uses.set(digest, { ...use, isOver: true });
  }

  #isCountedTwice({ counters }: ApprovedRequest): boolean {
    if (counters.size === 0) return false;
    return [...this.#uses.values()].some((use) =>
      Object.entries(use.counters).some(([passkey, counter]) => counters.get(passkey) === counter),
    );
  }

  #forget(): void {
    for (const [digest, { usableUntil }] of this.#uses) {
      if (this.#uses.size <= limits.usedRequestsMax) return;
      this.#forgotten = Math.max(this.#forgotten, usableUntil);
      this.#uses.delete(digest);
    }
  }

  /** One after the other, so that an older content never lands on a newer one. */
  #write(): Promise<void> {
    const turn = this.#written
      .catch(() => undefined)
      .then(async () => await writeFileAtomic(this.#path, this.#text()));
    this.#written = turn;
    return turn;
  }

  #text(): string {
    const uses = Object.fromEntries(this.#uses);
    return `${JSON.stringify({ format: fileFormat, forgotten: this.#forgotten, uses })}\n`;
  }
}

interface Kept {
  readonly uses: readonly (readonly [string, Use])[];
  readonly forgotten: number;
}

const nothing: Kept = { uses: [], forgotten: 0 };

function read(json: string): Kept | undefined {
  const fields = parseJsonObject(json);
  if (fields?.['format'] !== fileFormat) return undefined;
  const forgotten = whole(fields, 'forgotten');
  const uses = Object.entries(object(fields, 'uses') ?? {}).map(
    ([digest, use]) => [digest, readUse(use)] as const,
  );
  const isWhole = forgotten !== undefined && uses.every(([, use]) => use !== undefined);
  return isWhole ? { forgotten, uses: uses as [string, Use][] } : undefined;
}

function readUse(value: unknown): Use | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  return complete<Omit<Use, 'isOver'>>({
    session: text(fields, 'session'),
    linkNonce: text(fields, 'linkNonce'),
    endsAt: whole(fields, 'endsAt'),
    usableUntil: whole(fields, 'usableUntil'),
    counters: object(fields, 'counters'),
  });
}
