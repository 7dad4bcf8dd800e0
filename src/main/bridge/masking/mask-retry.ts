import type { Output } from '../../../shared/contract/index.ts';
import type { JsonValue } from '../../../shared/model/json.ts';
import { MASK } from '../../engine/dispatch/masking.ts';
import { isPlainKey, type MaskContext, maskBody } from './mask-body.ts';

type PreviewDocument = Output<'previewRetry'>;

/**
 * A preview as anybody may see it: what differs is told by its place, not by its values. The hashes are
 * keyed ones by now, which give nothing away.
 */
export function maskPreview(preview: PreviewDocument, context: MaskContext): PreviewDocument {
  const { last_sent, now } = preview;
  return {
    ...preview,
    masked: true,
    last_sent: last_sent && { ...last_sent, body: maskBody(last_sent.body, context) },
    now: { ...now, body: now.body === null ? null : maskBody(now.body, context) },
    differences: preview.differences.map(({ path, kind, before, after }) => ({
      path: maskPath(path),
      kind,
      before: masked(before),
      after: masked(after),
    })),
  };
}

/** A JSON pointer in which such keys as programs write stay, and short positions in lists. */
export function maskPath(path: string): string {
  return path
    .split('/')
    .map((step) => (step === '' || /^\d{1,2}$/.test(step) || isPlainKey(step) ? step : MASK))
    .join('/');
}

function masked(value: JsonValue): JsonValue {
  return value === null ? null : MASK;
}
