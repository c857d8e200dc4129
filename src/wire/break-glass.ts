// A sealed request of break-glass as it travels in a file: its text, and what the offline keys signed of it:
// statements of purpose `breakglass` over SHA-256("sallyport/break-glass/v1\0" || RFC 8785 text).

import {
  parseOnSiteRequest,
  parseSealedRequest,
  type BreakGlassKeys,
  type OnSiteRequest,
  type SealedRequest,
} from '../core/break-glass.ts';
import { canonicalJson, parseJsonObject, type JsonObject } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import { openByOwnKey, textDigest } from './approval.ts';
import { text, texts } from './fields.ts';
import { signStatement, type Signer } from './signed.ts';

export interface SealedFile {
  /** Canonical JSON. */
  readonly content: string;
  readonly signatures: readonly string[];
}

const fileFormat = 1;

export function sealedText(request: SealedRequest | OnSiteRequest): string {
  return canonicalJson(request as unknown as JsonObject);
}

/** Base64url. */
export function sealedDigest(content: string): string {
  return textDigest(content, 'breakGlass');
}

/** Of the use of it. With a prefix, as every id: a hash alone may begin with "-" and look like a flag. */
export function breakGlassId(content: string): string {
  return `brk_${sealedDigest(content)}`;
}

/** The request that is in it; undefined for a text that is not the one canonical form of one. */
export function openSealed(content: string): SealedRequest | undefined {
  const request = parseSealedRequest(parseJsonObject(content));
  return request !== undefined && sealedText(request) === content ? request : undefined;
}

/** The same for one that a device decides: no text is both, since each has members that the other has not. */
export function openOnSite(content: string): OnSiteRequest | undefined {
  const request = parseOnSiteRequest(parseJsonObject(content));
  return request !== undefined && sealedText(request) === content ? request : undefined;
}

export function sealedFileText({ content, signatures }: SealedFile): string {
  return `${JSON.stringify({ format: fileFormat, content, signatures }, null, 2)}\n`;
}

export function parseSealedFile(json: string): SealedFile | undefined {
  const fields = json.length > limits.sealedFileMaxBytes ? undefined : parseJsonObject(json);
  if (fields?.['format'] !== fileFormat) return undefined;
  const content = text(fields, 'content');
  const signatures = texts(fields, 'signatures');
  return content === undefined || signatures === undefined ? undefined : { content, signatures };
}

export function signSealed(content: string, spki: string, signer: Signer): string {
  return signStatement('breakglass', { digest: sealedDigest(content), spki }, signer);
}

/** Thumbprint of the key that signed exactly this; undefined otherwise. */
export function signerOfSealed(content: string, statement: string): string | undefined {
  const opened = openByOwnKey('breakglass', statement);
  return opened?.payload['digest'] === sealedDigest(content) ? opened.spki : undefined;
}

/** Names of the keys that signed exactly this, each once. */
export function signersAmong(
  { keys }: BreakGlassKeys,
  { content, signatures }: SealedFile,
): readonly string[] {
  const signed = new Set(signatures.map((statement) => signerOfSealed(content, statement)));
  return keys.filter(({ spki }) => signed.has(spki)).map(({ name }) => name);
}
