// Paths on a device as policy sees them: one normal form, so that what is decided is what is opened.
// Absolute ("/opt/fw"), or below the user's home ("~", "~/fw"), which only the device can resolve.

const maxBytes = 4_096;

/**
 * The normal form, or undefined for what has none: relative paths, "." and ".." segments, NUL, and text
 * that is not well-formed. Repeated and trailing slashes are taken out, since they mean nothing.
 */
export function normalPath(text: string): string | undefined {
  if (text.includes('\0') || !text.isWellFormed() || text.length > maxBytes) return undefined;
  if (!text.startsWith('/') && text !== '~' && !text.startsWith('~/')) return undefined;
  const [head, ...segments] = text.split('/');
  const names = segments.filter((segment) => segment !== '');
  if (names.some((name) => name === '.' || name === '..')) return undefined;
  if (head === '~') return names.length === 0 ? '~' : `~/${names.join('/')}`;
  return `/${names.join('/')}`;
}

/** Whether `path` is `root` or lies below it. Both in normal form. */
export function isWithin(path: string, root: string): boolean {
  return path === root || path.startsWith(root === '/' ? '/' : `${root}/`);
}
