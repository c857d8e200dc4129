// What people sign with a key or a passkey is canonical JSON (RFC 8785) under a word that says what it is for, so
// that a yes to one thing can never be shown as a yes to another: SHA-256(word || "\0" || text).

export const signedWords = {
  /** An access request (design section 6). */
  approval: 'sallyport/approval/v1',
  /** A command that a browser lets in. */
  signIn: 'sallyport/sign-in/v1',
  /** A sealed request, by keys that lie offline. */
  breakGlass: 'sallyport/break-glass/v1',
  /** One session, by the passkey of who opens it. */
  stepUp: 'sallyport/step-up/v1',
  /** The next approver set of devices. */
  approvers: 'sallyport/approvers/v1',
} as const;

/** UTF-8, before the hash. */
export function signedText(word: keyof typeof signedWords, canonical: string): string {
  return `${signedWords[word]}\0${canonical}`;
}
