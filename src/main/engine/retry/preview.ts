import { attemptId, revisionKey } from '../../../shared/model/delivery.ts';
import type { RetryableLog, RetryMade } from '../../../shared/model/retry.ts';
import type { RetryTerms } from '../../../shared/model/retry-verdict.ts';
import type { ObjectsFrom } from '../../../shared/model/vocabulary.ts';
import { lastSent } from './bytes.ts';
import { type Difference, differences } from './difference.ts';
import type { ManualRetryPort } from './manual-port.ts';
import type { StudiedRetry } from './studied.ts';

/** One body that was or would be sent, in clear. */
interface ShownBody {
  revision: number;
  key: string;
  sha256: string;
  contentType: string;
  body: string;
}

/** What a retry would send and on what terms, in clear; see `bridge/masking` for who may see it. */
export interface RetryPreview extends Pick<StudiedRetry, 'log' | 'obstacle' | 'sentences'> {
  terms: RetryTerms | 'IMPOSSIBLE';
  doubts: StudiedRetry['verdict']['doubts'];
  lastSent: (ShownBody & { attemptId: string }) | null;
  now:
    | (ShownBody & {
        outcome: 'SAME' | 'CHANGED';
        made: RetryMade['body'];
        objectsFrom: ObjectsFrom | null;
        fallback: string | null;
        configVersion: number;
      })
    | { outcome: 'FAILED'; message: string };
  differences: Difference[];
  currentVersion: number | null;
}

/** Puts a studied retry beside what was sent last. */
export async function previewOf(
  studied: StudiedRetry,
  store: Pick<ManualRetryPort, 'revisionBody'>,
): Promise<RetryPreview> {
  const { log, obstacle, verdict, sentences, rule } = studied;
  const last = await lastOf(log, store);
  const now = await nowOf(studied, store);
  return {
    log,
    obstacle,
    terms: obstacle ? 'IMPOSSIBLE' : verdict.terms,
    doubts: verdict.doubts,
    sentences,
    lastSent: last,
    now,
    differences: last && now.outcome === 'CHANGED' ? differences(last.body, now.body) : [],
    currentVersion: rule?.version ?? null,
  };
}

async function lastOf(
  log: RetryableLog,
  store: Pick<ManualRetryPort, 'revisionBody'>,
): Promise<RetryPreview['lastSent']> {
  const sent = lastSent(log);
  const stored = sent && (await store.revisionBody({ logId: log.logId, revision: sent.number }));
  if (!stored) return null;
  return {
    ...stored,
    revision: sent.number,
    key: revisionKey(log.logId, sent.number),
    attemptId: attemptId(log.logId, log.newestAttempt),
  };
}

async function nowOf(
  { log, obstacle, body }: StudiedRetry,
  store: Pick<ManualRetryPort, 'revisionBody'>,
): Promise<RetryPreview['now']> {
  const nothing = { outcome: 'FAILED', message: obstacle?.message ?? '' } as const;
  if (body === null) return nothing;
  if (body.outcome === 'NOT_MADE') return { outcome: 'FAILED', message: body.message };
  const { revision, sha256, contentType, configVersion, made } = body;
  const stored = body.text ?? (await store.revisionBody({ logId: log.logId, revision }))?.body;
  if (stored === undefined) return nothing;
  const same = lastSent(log)?.sha256 ?? log.sha256;
  return {
    outcome: same === sha256 ? 'SAME' : 'CHANGED',
    revision,
    key: revisionKey(log.logId, revision),
    sha256,
    contentType,
    body: stored,
    made: made.body,
    objectsFrom: made.objectsFrom,
    fallback: made.fallback,
    configVersion,
  };
}
