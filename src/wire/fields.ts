// Reading members of a parsed JSON object by type: absent or of another type = undefined.

export type Fields = Readonly<Record<string, unknown>>;

export function text(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  return typeof value === 'string' ? value : undefined;
}

/** A whole number from 0 to 2^53 - 1. */
export function whole(fields: Fields, name: string): number | undefined {
  const value = fields[name];
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

export function texts(fields: Fields, name: string): readonly string[] | undefined {
  const value = fields[name];
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
}

export function object(fields: Fields, name: string): Fields | undefined {
  const value = fields[name];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

/** The object when every member is there, else undefined. */
export function complete<T extends object>(candidate: { readonly [K in keyof T]: T[K] | undefined }):
  | T
  | undefined {
  return Object.values(candidate).includes(undefined) ? undefined : (candidate as T);
}
