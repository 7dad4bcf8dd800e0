import type { CallInput } from '../../../../shared/contract/index.ts';

/** Which bytes are to go. */
export type BodyWish =
  /** Built anew; null: by the present version of the integration. */
  | { body: 'fresh'; version: number | null }
  /** Null: what was sent last. */
  | { body: 'stored'; revision: number | null }
  /** Written by whoever asks; null: nothing was written yet. */
  | { body: 'edited'; text: string | null };

/** The fields by which a wish is told to `previewRetry` and `retryIntegration`. */
export function bytesOf(wish: BodyWish): Omit<CallInput<'previewRetry'>, 'log_id'> {
  switch (wish.body) {
    case 'fresh':
      return wish.version === null ? {} : { config_version: wish.version };
    case 'stored':
      return { body: 'stored', ...(wish.revision === null ? {} : { revision: wish.revision }) };
    case 'edited':
      return { body: 'edited', payload: wish.text ?? '' };
  }
}
