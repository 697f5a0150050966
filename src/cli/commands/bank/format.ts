/** Milliseconds since 1970 as `2026-11-23 17:31`, in the zone of this machine. */
export function formatTime(ms: number): string {
  const time = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

/** The digits of an id by which people name a snapshot. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}

/** `1 page`, `2 pages` */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}
