import { useConsoleState } from '../app/context.ts';
import { LINE_WORDS } from '../words.ts';

/** Whether the page follows by itself, as icon and word. */
export function LiveMark() {
  const line = useConsoleState((state) => (state.isStale ? 'offline' : state.line));
  const { icon, word, meaning, badge } = LINE_WORDS[line];
  return (
    <p className={`badge badge-${badge}`} role="status" title={meaning}>
      <span aria-hidden="true">{icon}</span> {word}
    </p>
  );
}
