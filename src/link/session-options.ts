// The HTTP/2 settings of both roles, from limits.ts. Node's defaults are for browsers: 64 KiB windows
// hold a link to a few MB/s, and its reset limit closes a link on which one client aborts a lot.

import type { ClientSessionOptions, ServerOptions, Settings } from 'node:http2';
import { limits } from '../core/limits.ts';

const streamsMax = limits.channelsPerLinkMax + limits.asksPerLinkMax;

const settings: Settings = {
  initialWindowSize: limits.streamWindowBytes,
  maxConcurrentStreams: streamsMax,
  maxHeaderListSize: limits.headersMaxBytes,
  enablePush: false,
};

const common = {
  maxSettings: limits.settingsEntriesMax,
  maxSessionMemory: limits.sessionMemoryMib,
  maxHeaderListPairs: limits.headerPairsMax,
  // Before the peer's SETTINGS arrive; then theirs count.
  peerMaxConcurrentStreams: streamsMax,
  // Liveness asks again while there is no answer; path-window.ts has one PING under way at a time.
  maxOutstandingPings: Math.ceil(limits.peerDeadAfterMs / limits.pingIntervalMs) + 2,
  maxSessionInvalidFrames: limits.invalidFramesMax,
};

export const clientSessionOptions: ClientSessionOptions = { ...common, settings };

/** The library's own reset limit, above any of ours: reached only if our count were broken. */
const libraryResetFactor = 4;

export const servedSessionOptions: ServerOptions = {
  ...common,
  settings: { ...settings, enablePush: undefined },
  streamResetBurst: limits.linkResetBurst * libraryResetFactor,
  streamResetRate: limits.linkResetPerSecond * libraryResetFactor,
};
