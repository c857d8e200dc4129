// Times as people read them.

/** Local time, with the distance from now where that is short. */
export function when(iso: string, now = Date.now()): string {
  const at = new Date(iso);
  const text = at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  const distance = Math.round((at.getTime() - now) / 60_000);
  if (Math.abs(distance) > 24 * 60) return text;
  return `${text} (${relative(distance)})`;
}

function relative(minutes: number): string {
  if (minutes === 0) return 'now';
  const size = Math.abs(minutes);
  const text = size < 120 ? `${size} min` : `${Math.round(size / 60)} h`;
  return minutes > 0 ? `in ${text}` : `${text} ago`;
}
