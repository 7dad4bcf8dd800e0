/**
 * Runs the work at once and then again and again, each time that long after it has ended. A hidden
 * page rests and catches up as soon as it is shown.
 *
 * @returns the function that stops it
 */
export function poll(work: () => Promise<void>, pauseMs: number): () => void {
  let timer: number | undefined;
  let isRunning = false;
  let isStopped = false;

  async function run(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    window.clearTimeout(timer);
    try {
      await work();
    } finally {
      isRunning = false;
      if (!isStopped && !document.hidden) timer = window.setTimeout(() => void run(), pauseMs);
    }
  }
  const onVisibility = () => {
    if (!document.hidden) void run();
  };

  document.addEventListener('visibilitychange', onVisibility);
  void run();
  return () => {
    isStopped = true;
    window.clearTimeout(timer);
    document.removeEventListener('visibilitychange', onVisibility);
  };
}
