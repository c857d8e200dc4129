// Types into a real `sallyport shell` on a real pseudo-terminal, as a person would.

import { spawn } from '@lydell/node-pty';
import type { Stage } from './stage.ts';

export interface ShellSeen {
  readonly text: string;
  readonly status: number;
}

const outputMaxChars = 64 * 1024;

/** Opens a shell, types one line and `exit`, and resolves with all that was on the screen. */
export async function playShell(stage: Stage, target: string, command: string): Promise<ShellSeen> {
  const terminal = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', 'shell', target], {
    name: 'xterm-256color',
    cols: 100,
    rows: 30,
    env: { ...process.env, SALLYPORT_HOME: stage.operator.home },
  });
  let text = '';
  let isTyped = false;
  return await new Promise((resolve) => {
    terminal.onData((data) => {
      text = (text + data).slice(-outputMaxChars);
      // Any output after the banner is the prompt of the shell: it reads now.
      if (!isTyped && /[$#>%] ?(?:\u001b\[[0-9;?]*[a-zA-Z])*$/.test(text)) {
        isTyped = true;
        terminal.write(`${command}\rexit\r`);
      }
    });
    terminal.onExit(({ exitCode }) => resolve({ text, status: exitCode }));
  });
}
