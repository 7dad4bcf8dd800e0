import { useConsoleState } from '../app/context.ts';

/** What holds for the whole engine and cannot be dismissed, e.g. that nothing is encrypted. */
export function Banners() {
  const banners = useConsoleState((state) => state.health?.banners);
  return banners?.map(({ kind, text }) => (
    <p key={kind} className="banner" role="status">
      <span aria-hidden="true">⚠</span> {text}
    </p>
  ));
}
