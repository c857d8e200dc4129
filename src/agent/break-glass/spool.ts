// Uses of offline keys on this device, in its state directory: for each, before the shell starts, a file with what
// was signed, and beside it what the terminal showed. A sealed request whose file is here was used. The broker is
// told as soon as it can be; the newest uses stay, told or not.
//
//   $STATE/break-glass/<id>.json    what was signed, when it began, how it ended, what the broker knows of it
//   $STATE/break-glass/<id>.cast    what the terminal showed (recording.ts)

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SallyportError } from '../../core/errors.ts';
import { parseJsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { Turns } from '../../core/turns.ts';
import { ensurePrivateDir, readPrivateFile, removeFile, writeFileAtomic } from '../../platform/files.ts';
import { breakGlassId, openOnSite } from '../../wire/break-glass.ts';
import { object } from '../../wire/fields.ts';
import { readOnSiteReport, type OnSiteEnded, type OnSiteReport } from '../../wire/on-site.ts';

const fileFormat = 1;
const suffix = '.json';

/** How much of it the broker has taken. */
export type Told = 'nothing' | 'begun' | 'ended';

export interface Use {
  readonly id: string;
  readonly report: OnSiteReport;
  readonly told: Told;
}

export class Spool {
  readonly #dir: string;
  /** By id, the oldest first. */
  readonly #uses: Map<string, Use>;
  readonly #turns = new Turns();

  private constructor(dir: string, uses: readonly Use[]) {
    this.#dir = dir;
    this.#uses = new Map(uses.map((use) => [use.id, use]));
  }

  /** Throws SallyportError: a file that cannot be read may be the use of a request that is shown again. */
  static async open(stateDir: string): Promise<Spool> {
    const dir = join(stateDir, 'break-glass');
    await ensurePrivateDir(dir);
    const names = (await readdir(dir)).filter((name) => name.endsWith(suffix) && !name.startsWith('.'));
    const uses = await Promise.all(names.map(async (name) => await load(dir, name)));
    return new Spool(
      dir,
      uses.sort((a, b) => a.report.openedAt - b.report.openedAt),
    );
  }

  get uses(): readonly Use[] {
    return [...this.#uses.values()];
  }

  /** What the broker does not know yet. */
  get waiting(): readonly Use[] {
    return this.uses.filter(({ told, report }) => told !== toTell(report));
  }

  has(id: string): boolean {
    return this.#uses.has(id);
  }

  recordingPath(id: string): string {
    return join(this.#dir, `${id}.cast`);
  }

  /** On the disk when it resolves. `now`: Unix ms. Throws SallyportError where there is no room. */
  async begin(id: string, report: OnSiteReport, now: number): Promise<void> {
    await this.#turns.take(async () => {
      await this.#makeRoom(now);
      await this.#keep({ id, report, told: report.wasAsked ? 'begun' : 'nothing' });
    });
  }

  async end(id: string, ended: OnSiteEnded): Promise<void> {
    await this.#change(id, (use) => ({ ...use, report: { ...use.report, ended } }));
  }

  async tell(id: string, told: Told): Promise<void> {
    await this.#change(id, (use) => ({ ...use, told }));
  }

  async #change(id: string, change: (use: Use) => Use): Promise<void> {
    await this.#turns.take(async () => {
      const use = this.#uses.get(id);
      if (use !== undefined) await this.#keep(change(use));
    });
  }

  async #keep(use: Use): Promise<void> {
    await writeFileAtomic(
      join(this.#dir, `${use.id}${suffix}`),
      `${JSON.stringify({ format: fileFormat, told: use.told, report: use.report }, null, 2)}\n`,
    );
    this.#uses.set(use.id, use);
  }

  /** The oldest goes that the broker knows of and that opens nothing any more. */
  async #makeRoom(now: number): Promise<void> {
    if (this.#uses.size < limits.onSiteUsesMax) return;
    const old = this.uses.find(
      ({ told, report }) =>
        told === 'ended' && (openOnSite(report.content)?.notAfter ?? Number.POSITIVE_INFINITY) <= now,
    );
    if (old === undefined) {
      throw new SallyportError(
        'conflict',
        `${limits.onSiteUsesMax} uses of offline keys are kept here, and the broker knows of none to forget`,
        { next: 'bring the device back to its broker, which is then told of them' },
      );
    }
    await rm(this.recordingPath(old.id), { force: true });
    await removeFile(join(this.#dir, `${old.id}${suffix}`));
    this.#uses.delete(old.id);
  }
}

/** What there is to be told of it. */
export function toTell({ ended }: OnSiteReport): Told {
  return ended === undefined ? 'begun' : 'ended';
}

async function load(dir: string, name: string): Promise<Use> {
  const path = join(dir, name);
  const fields = parseJsonObject((await readPrivateFile(path))?.toString('utf8') ?? '') ?? {};
  const report =
    fields['format'] === fileFormat ? readOnSiteReport(object(fields, 'report') ?? {}) : undefined;
  const { told } = fields;
  const id = name.slice(0, -suffix.length);
  if (
    report !== undefined &&
    breakGlassId(report.content) === id &&
    (told === 'nothing' || told === 'begun' || told === 'ended')
  ) {
    return { id, report, told };
  }
  throw new SallyportError('local_file', `"${path}" is damaged: which sealed request it was is not known`, {
    next: 'move it away, and look into who was on site (docs/break-glass.md)',
  });
}
