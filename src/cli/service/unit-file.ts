// Files that systemd reads, as text. Pure: what goes in is checked or escaped here, so that no path of somebody
// with odd taste becomes a directive of a service.

import { SallyportError } from '../../core/errors.ts';

export interface UnitFile {
  /** Where it belongs: "/etc/systemd/system/sallyport-agent.service". */
  readonly path: string;
  readonly text: string;
}

/** First line of every file of ours: what does not begin with it is somebody else's, and left alone. */
export const ownMark = '# Written by "sallyport';

/** "Section" and its lines; a line may be a comment. */
export type Section = readonly [name: string, lines: readonly string[]];

export function unitText(by: string, sections: readonly Section[]): string {
  const head = `${ownMark} ${by}", which writes it anew. To change it: "systemctl edit", which it leaves alone.`;
  const parts = sections.map(([name, lines]) => [`[${name}]`, ...lines].join('\n'));
  return `${head}\n\n${parts.join('\n\n')}\n`;
}

/** The command of a service (systemd.service(5), "COMMAND LINES"): each word quoted, "%" and "$" doubled. */
export function commandLine(argv: readonly string[]): string {
  return argv.map(word).join(' ');
}

function word(text: string): string {
  refuseControls(text);
  const escaped = text.replaceAll('%', '%%').replaceAll('$', '$$$$');
  if (/^[A-Za-z0-9_./:@=,+*%$[\]-]+$/.test(escaped)) return escaped;
  return `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** A path in a directive that takes a list of them. */
export function pathWord(path: string): string {
  refuseControls(path);
  const escaped = path.replaceAll('%', '%%');
  return /^[A-Za-z0-9_./:@=,+%-]+$/.test(escaped)
    ? escaped
    : `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

function refuseControls(text: string): void {
  if (!/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text)) return;
  throw new SallyportError(
    'invalid',
    'a path with a line break or control character cannot stand in a unit',
    {
      next: 'choose another directory',
    },
  );
}

/** Whether the path lies in what ProtectHome= hides. */
export function isInHome(path: string): boolean {
  return /^\/(?:home|root|run\/user)(?:\/|$)/.test(path);
}
