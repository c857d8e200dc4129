// Passkeys and sign-ins of browsers. Options and answers of authenticators are those of WebAuthn Level 3, as JSON
// (PublicKeyCredentialCreationOptionsJSON and the like).

import { z } from 'zod';
import { roles } from '../core/identity.ts';
import { limits } from '../core/limits.ts';
import { time } from './problem.ts';
import { workloadSignedIn } from './workloads.ts';

const base64url = z.string().regex(/^[A-Za-z0-9_-]*$/);
const id = base64url.min(1).max(limits.passkeyIdMaxLength);
const bytes = base64url.min(1).max(limits.webauthnFieldMaxLength);

const common = {
  id,
  rawId: id,
  type: z.literal('public-key'),
  authenticatorAttachment: z.string().max(32).nullish(),
  clientExtensionResults: z.record(z.string().max(64), z.unknown()).optional(),
};

/** AuthenticationResponseJSON. */
export const assertion = z.object({
  ...common,
  response: z.object({
    clientDataJSON: bytes,
    authenticatorData: bytes,
    signature: bytes,
    userHandle: base64url.max(128).nullish(),
  }),
});
export type Assertion = z.infer<typeof assertion>;

/** RegistrationResponseJSON; attestation is neither asked for nor looked at. */
export const attestation = z.object({
  ...common,
  response: z.object({
    clientDataJSON: bytes,
    attestationObject: bytes,
    transports: z.array(z.string().max(32)).max(8).optional(),
  }),
});
export type Attestation = z.infer<typeof attestation>;

/** For navigator.credentials. */
export const webauthnOptions = z.object({ options: z.record(z.string(), z.unknown()) });

const passkeyName = z.string().trim().min(1).max(limits.nameMaxLength);

export const signInBody = z.strictObject({ assertion });
export const beginEnrollBody = z.strictObject({ token: z.string().max(512) });
export const enrollBody = z.strictObject({ token: z.string().max(512), name: passkeyName, attestation });
export const addPasskeyBody = z.strictObject({ name: passkeyName, attestation });

export const recoveryCodesBody = z.strictObject({ assertion });
/** Shown once. */
export const recoveryCodes = z.object({ codes: z.array(z.string()) });
export type RecoveryCodes = z.infer<typeof recoveryCodes>;
export const recoveryCodesLeft = z.object({ left: z.number().int() });

const recoveryCode = z.string().min(1).max(64);
export const beginRecoverBody = z.strictObject({ code: recoveryCode });
export const recoverBody = z.strictObject({ code: recoveryCode, name: passkeyName, attestation });

export const enrollOptions = webauthnOptions.extend({ name: z.string() });

export const signedIn = z.object({
  id: z.string(),
  name: z.string(),
  roles: z.array(z.enum(roles)),
  broker: z.string(),
  expiresAt: time,
});
export type SignedIn = z.infer<typeof signedIn>;

export const passkeyView = z.object({
  id: z.string(),
  name: z.string(),
  synced: z.boolean(),
  /** This sign-in was opened by it. */
  current: z.boolean(),
  createdAt: time,
  lastUsedAt: time.optional(),
});
export type PasskeyView = z.infer<typeof passkeyView>;

/** What a command shows of itself to be let in by a browser. */
export const codeBody = z.strictObject({
  csr: z.string().min(1).max(8_192),
  machine: z.string().min(1).max(253),
});
export const codeMade = z.object({
  code: z.string(),
  /** Only the command has it, and asks with it. */
  secret: z.string(),
  url: z.string(),
  expiresAt: time,
});
export type CodeMade = z.infer<typeof codeMade>;

export const codeView = z.object({
  code: z.string(),
  machine: z.string(),
  /** SHA-256 thumbprint of the key that the command made. */
  key: z.string(),
  sourceIp: z.string(),
  createdAt: time,
  expiresAt: time,
  /** Canonical JSON (RFC 8785) of what is confirmed; the passkey signs its hash (core/signed-text.ts). */
  content: z.string(),
});
export type CodeView = z.infer<typeof codeView>;
export const byCode = z.object({ code: z.string().max(16) });
export const confirmBody = z.strictObject({ assertion });
export const pollBody = z.strictObject({ secret: z.string().max(64) });
/** Absent: nobody has said yes yet. */
export const codePolled = z.object({ signedIn: workloadSignedIn.optional() });
export type CodePolled = z.infer<typeof codePolled>;
