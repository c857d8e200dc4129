// An answer that takes longer than a peer waits for one is announced by an informational response, status
// 102, with this field (docs/protocol.md, "The link"). Both sides of a session share the word.

export const waitField = 'sallyport-wait';

/** A closed list. `consent`: somebody on site is asked. */
export type WaitReason = 'consent';
