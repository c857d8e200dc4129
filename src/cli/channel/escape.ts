// The escapes of a terminal session, as in ssh: "~" right after a line end (or at the very start) is held
// back until the next character says what it means. Pure: bytes in, what to send and do out.

export type EscapePart =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** "~." */
  | { readonly kind: 'end' }
  /** "~?" */
  | { readonly kind: 'help' };

export type EscapeState = 'line_start' | 'tilde' | 'in_line';

const tilde = 0x7e;
const dot = 0x2e;
const question = 0x3f;
const tildeBytes = Uint8Array.of(tilde);

export const escapeHelp = [
  'escapes, at the start of a line:',
  '  ~.  end this session',
  '  ~?  this list',
  '  ~~  send "~"',
].join('\r\n');

/** What the typed bytes mean after `state`, in order, and the state after them. */
export function readEscapes(
  state: EscapeState,
  typed: Uint8Array,
): { readonly state: EscapeState; readonly parts: readonly EscapePart[] } {
  const parts: EscapePart[] = [];
  let current = state;
  let from = 0;
  const sendUntil = (at: number): void => {
    if (at > from) parts.push({ kind: 'send', bytes: typed.subarray(from, at) });
  };
  for (const [at, byte] of typed.entries()) {
    if (current === 'tilde') {
      // The held "~" is in no slice of these bytes: it may have come with the chunk before.
      from = at + 1;
      if (byte === dot || byte === question) {
        parts.push({ kind: byte === dot ? 'end' : 'help' });
        current = 'line_start';
        continue;
      }
      parts.push({ kind: 'send', bytes: tildeBytes });
      current = 'in_line';
      if (byte === tilde) continue;
      from = at;
    }
    if (byte === tilde && current === 'line_start') {
      sendUntil(at);
      from = at + 1;
      current = 'tilde';
    } else {
      current = byte === 0x0d || byte === 0x0a ? 'line_start' : 'in_line';
    }
  }
  sendUntil(typed.length);
  return { state: current, parts };
}
