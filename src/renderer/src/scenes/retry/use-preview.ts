import { useEffect, useRef, useState } from 'react';
import type { Output } from '../../../../shared/contract/index.ts';
import type { Loadable } from '../../app/state.ts';
import { useConsole } from '../../app/context.ts';
import { type BodyWish, bytesOf } from './wish.ts';

export type Preview = Output<'previewRetry'>;

/** What was looked at, and the ways to look at something else. */
export interface Looking {
  preview: Loadable<Preview>;
  /** What `preview` shows; something else has to be looked at before it is sent. */
  seen: BodyWish;
  isLooking: boolean;
  /**
   * Looks at what another wish would send; in clear once it was revealed.
   * @returns why that cannot be, or null
   */
  look: (wish: BodyWish) => Promise<string | null>;
  /** Shows in clear from now on, which is recorded. @returns why it was refused, or null */
  reveal: (wish: BodyWish, reason: string) => Promise<string | null>;
}

const AT_FIRST: BodyWish = { body: 'fresh', version: null };

/** Looks at what a retry of this log would send. What was seen stays until something else is. */
export function usePreview(logId: string): Looking {
  const console = useConsole();
  const [preview, setPreview] = useState<Loadable<Preview>>({ state: 'loading' });
  const [seen, setSeen] = useState<BodyWish>(AT_FIRST);
  const [isLooking, setLooking] = useState(false);
  const newest = useRef(0);
  const revealed = useRef<string | null>(null);

  async function ask(wish: BodyWish, reason: string | null): Promise<string | null> {
    const number = ++newest.current;
    setLooking(true);
    const asked = await console.ask('previewRetry', {
      log_id: logId,
      ...bytesOf(wish),
      ...(reason === null ? {} : { reveal: true, reason }),
    });
    // Whoever has chosen something else meanwhile waits for that.
    if (number !== newest.current) return null;
    setLooking(false);
    if (!asked.ok) return asked.message;
    revealed.current = reason;
    setSeen(wish);
    setPreview({ state: 'ready', value: asked.output });
    return null;
  }

  useEffect(() => {
    let isCurrent = true;
    const load = async () => {
      const asked = await console.ask('previewRetry', { log_id: logId });
      if (!isCurrent) return;
      setPreview(
        asked.ok
          ? { state: 'ready', value: asked.output }
          : { state: 'error', message: asked.message },
      );
    };
    void load();
    return () => {
      isCurrent = false;
    };
  }, [console, logId]);

  return {
    preview,
    seen,
    isLooking,
    look: (wish) => ask(wish, revealed.current),
    reveal: ask,
  };
}
