// Times and durations as people read them.

/** Local time, with the distance from now where that is short. */
export function when(iso: string, now = Date.now()): string {
  const at = new Date(iso);
  const text = at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  const distance = Math.round((at.getTime() - now) / 60_000);
  if (Math.abs(distance) > 24 * 60) return text;
  return `${text} (${relative(distance)})`;
}

export function relative(minutes: number): string {
  if (minutes === 0) return 'now';
  const size = Math.abs(minutes);
  const text = size < 120 ? `${size} min` : `${Math.round(size / 60)} h`;
  return minutes > 0 ? `in ${text}` : `${text} ago`;
}

/** "1 h 30 min". */
export function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return `${Math.round(ms / 1_000)} s`;
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  if (hours === 0) return `${rest} min`;
  return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`;
}
