const short = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
});
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });

/** The zone in which times are shown; it is named once, beside them. */
export const TIME_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** A moment in the viewer's zone; long: with the zone's name. */
export function Time({ at, long = false }: { at: string; long?: boolean }) {
  return (
    <time dateTime={at} title={at}>
      {(long ? full : short).format(new Date(at))}
    </time>
  );
}
