// What somebody on site does with offline keys: pins which open this device, and opens it by them.

import type { BreakGlassKeys } from '../../core/break-glass.ts';
import type { PtyParams } from '../../core/channel.ts';
import type { ByteStream } from '../../link/byte-stream.ts';
import type { SealedFile } from '../../wire/break-glass.ts';
import { converseWithAgent, orderAgent } from '../local-socket.ts';
import { noAgent, type AtAgent } from '../owner/order-agent.ts';
import { defaultStateDir, loadJoined } from '../state.ts';
import type { Opened } from './on-site.ts';
import { storePinnedKeys } from './pinned-keys.ts';

/** Null: those of the broker. Where an agent runs it writes them itself, and they count at once. */
export async function pinKeysOnSite(keys: BreakGlassKeys | null, at: AtAgent): Promise<void> {
  const dir = at.state ?? defaultStateDir();
  await loadJoined(dir);
  if ((await orderAgent(dir, { do: 'pin_breakglass', keys })) !== undefined) return;
  const none = { need: 0, keys: [] };
  await storePinnedKeys(dir, keys === null ? { keys: none, by: 'broker' } : { keys, by: 'on_site' });
}

export interface OpenedOnSite {
  readonly opened: Opened;
  readonly stream: ByteStream;
}

/** Throws the agent's no, and `unavailable` where none runs: it is the agent that opens. */
export async function openOnSite(file: SealedFile, pty: PtyParams, at: AtAgent): Promise<OpenedOnSite> {
  const dir = at.state ?? defaultStateDir();
  const { content, signatures } = file;
  const conversed = await converseWithAgent(dir, { do: 'breakglass', content, signatures, pty });
  if (conversed === undefined) throw noAgent(dir);
  // Written by our own agent, behind a directory that only its owner enters.
  return { opened: conversed.answer as unknown as Opened, stream: conversed.stream };
}
