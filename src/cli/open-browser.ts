// Brings a page up in the browser, where there is a screen; whether it came up is for its owner to see.

import { spawn } from 'node:child_process';

export function openBrowser(url: string): void {
  const { env, platform } = process;
  const hasScreen = platform === 'darwin' || Boolean(env['DISPLAY'] ?? env['WAYLAND_DISPLAY']);
  if (!process.stderr.isTTY || !hasScreen || !url.startsWith('https://')) return;
  const opener = spawn(platform === 'darwin' ? 'open' : 'xdg-open', [url], {
    stdio: 'ignore',
    detached: true,
  });
  opener.on('error', () => undefined);
  opener.unref();
}
