const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** What a time on the command line may look like; part of every refusal. */
export const TIME_FORMS =
  'an ISO 8601 time (2026-11-23T08:30:00Z), a day (2026-11-23) or how long ago (30m, 2h, 7d)';

/**
 * A time as people type it: ISO 8601 with or without a zone (then the local one), a day (its local
 * midnight), or how long before `now` as `45s`, `30m`, `2h`, `7d`, `2w`.
 *
 * @param now epoch ms
 * @returns ISO 8601 UTC, or null where the text is none of these
 */
export function parseTime(text: string, now: number): string | null {
  const ago = /^(\d{1,6})([smhdw])$/.exec(text);
  if (ago) return new Date(now - Number(ago[1]) * UNITS_MS[ago[2] as 's']).toISOString();
  const given =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?)?$/.exec(
      text,
    );
  if (!given) return null;
  const [, day, time = '00:00', zone = ''] = given;
  const parsed = new Date(`${day}T${time}${zone}`);
  // The 31st of a short month would roll over into the next one.
  const isDay = new Date(`${day}T00:00:00Z`).getTime();
  if (Number.isNaN(parsed.getTime()) || Number.isNaN(isDay)) return null;
  return new Date(isDay).toISOString().startsWith(day ?? '') ? parsed.toISOString() : null;
}

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

/** Local time with milliseconds, as tables and texts show it. */
export function localTime(iso: string): string {
  const time = new Date(iso);
  const day = `${time.getFullYear()}-${pad(time.getMonth() + 1)}-${pad(time.getDate())}`;
  const clock = `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`;
  return `${day} ${clock}.${pad(time.getMilliseconds(), 3)}`;
}

/** How far off a time is, to one unit: `in 4 s`, `in 3 min`, `2 h ago`; `now` within half a second. */
export function relativeTime(iso: string, now: number): string {
  const away = Date.parse(iso) - now;
  const [amount, unit] = roughly(Math.abs(away));
  if (amount === 0) return 'now';
  return away > 0 ? `in ${amount} ${unit}` : `${amount} ${unit} ago`;
}

function roughly(ms: number): [number, string] {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return [seconds, 's'];
  const minutes = Math.round(ms / UNITS_MS.m);
  if (minutes < 120) return [minutes, 'min'];
  const hours = Math.round(ms / UNITS_MS.h);
  return hours < 48 ? [hours, 'h'] : [Math.round(ms / UNITS_MS.d), 'days'];
}
