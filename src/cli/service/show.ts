// What "service" commands print, for the agent and the broker alike.

import { exitStatus } from '../../core/errors.ts';
import { print, printJson } from '../output.ts';
import { printTable } from '../table.ts';
import type { UnitState } from './manage.ts';
import type { UnitFile } from './unit-file.ts';

/** The files as they would be written, one after the other. */
export function showFiles(files: readonly UnitFile[], json: boolean | undefined): number {
  if (json === true) printJson(files);
  else
    print(
      files
        .map(({ path, text }) => `# ${path}\n${text}`)
        .join('\n')
        .trimEnd(),
    );
  return exitStatus.done;
}

/** Exit status 0: every unit is installed and active. */
export function showStates(
  states: readonly UnitState[],
  { json, command }: { readonly json: boolean | undefined; readonly command: string },
): number {
  if (json === true) printJson(states);
  else {
    printTable(
      states,
      [
        { title: 'UNIT', value: ({ unit }) => unit },
        { title: 'INSTALLED', value: ({ path }) => path ?? 'no' },
        { title: 'AT BOOT', value: ({ enabled }) => enabled },
        {
          title: 'NOW',
          value: ({ active }) => active,
          tone: ({ active }) => (active === 'active' ? 'good' : 'bad'),
        },
      ],
      { empty: '' },
    );
    const next = adviceFor(states, command);
    if (next !== undefined) print(`next: ${next}`);
  }
  return states.every(({ path, active }) => path !== undefined && active === 'active')
    ? exitStatus.done
    : exitStatus.failed;
}

function adviceFor(states: readonly UnitState[], command: string): string | undefined {
  if (states.some(({ path }) => path === undefined)) return `sudo sallyport ${command} install`;
  const down = states.find(({ active }) => active !== 'active');
  if (down !== undefined) return `journalctl -u ${down.unit}`;
  return states.every(({ isCurrent }) => isCurrent)
    ? undefined
    : `an installation now would write something else: sudo sallyport ${command} install`;
}

/** What came of an installation. */
export function showInstalled(
  units: readonly UnitState[],
  facts: {
    readonly json: boolean | undefined;
    /** Files differ from before, and what runs was started by the old ones. */
    readonly restart: string | undefined;
    readonly warning: string | undefined;
    readonly next: readonly string[];
  },
): number {
  const isUp = units.every(({ active }) => active === 'active');
  if (facts.json === true)
    printJson({ units, ...(facts.warning === undefined ? {} : { warning: facts.warning }) });
  else {
    for (const { unit, active } of units) print(`${unit}: installed, starts at boot, ${active}`);
    if (facts.warning !== undefined) print(`warning: ${facts.warning}`);
    if (facts.restart !== undefined) print(`next: ${facts.restart}`);
    const down = units.find(({ active }) => active !== 'active');
    if (down !== undefined) print(`next: journalctl -u ${down.unit}`);
    else for (const line of facts.next) print(`next: ${line}`);
  }
  return isUp ? exitStatus.done : exitStatus.failed;
}
