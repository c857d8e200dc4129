// Step-ups: a passkey's yes to exactly the session that a command wants to open.

import { z } from 'zod';
import { time } from './problem.ts';
import { openSessionBody } from './sessions.ts';

export const stepUpBody = openSessionBody.pick({ target: true, params: true });

export const stepUpMade = z.object({
  id: z.string(),
  /** Where the command's owner says yes. */
  url: z.string(),
  expiresAt: time,
});
export type StepUpMade = z.infer<typeof stepUpMade>;

export const stepUpState = z.object({ confirmed: z.boolean() });
export type StepUpState = z.infer<typeof stepUpState>;

export const stepUpView = z.object({
  id: z.string(),
  /** Canonical JSON (RFC 8785): what is shown, and signed the hash of. */
  content: z.string(),
  /** Base64url: SHA-256 of the word for step-ups and the content (core/signed-text.ts). */
  digest: z.string(),
  confirmed: z.boolean(),
});
export type StepUpView = z.infer<typeof stepUpView>;
