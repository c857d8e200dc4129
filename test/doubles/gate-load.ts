// Starts the processes of gate-load-peer.ts and hears what they saw.

import { fork } from 'node:child_process';
import type { LoadStart, LoadWord } from './gate-load-peer.ts';

export type LoadCut = Extract<LoadWord, { type: 'cut' }>;

export interface LoadPeer {
  readonly ready: Promise<void>;
  readonly cut: Promise<LoadCut>;
  stop(): void;
}

export function startPeer(start: LoadStart): LoadPeer {
  const child = fork(new URL('gate-load-peer.ts', import.meta.url), { stdio: 'inherit' });
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>();
  const { promise: cut, resolve: isCut } = Promise.withResolvers<LoadCut>();
  child.on('message', (word: LoadWord) => {
    if (word.type === 'ready') isReady();
    else isCut(word);
  });
  child.send(start);
  // The child ends when its channel does.
  return { ready, cut, stop: () => child.disconnect() };
}
