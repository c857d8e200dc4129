// Any error that reached the api's edge -> the SallyportError that the caller is told. Words of libraries
// are not passed on: a JSON parser quotes what it could not parse, and that may be a token.

import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { StoreConflict, StoreUnavailable } from '../store/store.ts';

/** Undefined for a stranger: our fault, told in no words and logged in full. */
export function knownFault(error: unknown): SallyportError | undefined {
  if (error instanceof SallyportError) return error;
  if (error instanceof StoreConflict) return conflict(error);
  if (error instanceof StoreUnavailable) {
    return new SallyportError('store_unavailable', 'the broker cannot write to its store', {
      next: 'nothing opens until it can; an administrator of the broker should look at its disk and log',
    });
  }
  if (hasZodFastifySchemaValidationErrors(error)) return invalidField(error);
  return libraryFault(error);
}

function conflict({ kind, id }: StoreConflict): SallyportError {
  return new SallyportError(
    'conflict',
    `the ${kind} "${printable(id)}" was changed by somebody else, or is taken`,
    {
      next: 'look at it again, then repeat what you did',
    },
  );
}

function invalidField(error: {
  readonly validationContext?: string | undefined;
  readonly validation: readonly { readonly instancePath: string; readonly message?: string | undefined }[];
}): SallyportError {
  const [first] = error.validation;
  const field = (first?.instancePath ?? '').slice(1).replaceAll('/', '.');
  const place = error.validationContext === 'querystring' ? 'query' : (error.validationContext ?? 'request');
  const where = field === '' ? `the ${place}` : `"${printable(field)}" in the ${place}`;
  const message = printable(first?.message ?? 'not valid');
  return new SallyportError('invalid', `${where} is not valid: ${lowerFirst(message)}`);
}

function libraryFault(error: unknown): SallyportError | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  const code = 'code' in error ? error.code : undefined;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new SallyportError('too_large', `the request is longer than ${limits.apiBodyMaxBytes} bytes`);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new SallyportError('invalid', 'the body must be JSON', {
        next: 'send content-type application/json',
      });
    case 'FST_ERR_BAD_URL':
      return new SallyportError('invalid', 'the path is not a valid URL path');
    default: {
      const status = error.statusCode;
      if (typeof status !== 'number' || status < 400 || status > 499) return undefined;
      return new SallyportError('invalid', 'the body is not valid JSON');
    }
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
