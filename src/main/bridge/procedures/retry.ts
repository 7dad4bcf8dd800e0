import type { Input, Output } from '../../../shared/contract/index.ts';
import { DIFFERENCES_SHOWN } from '../../../shared/contract/retry.ts';
import { fieldError } from '../../../shared/errors.ts';
import { attemptId, revisionKey } from '../../../shared/model/delivery.ts';
import type { RetryableLog } from '../../../shared/model/retry.ts';
import type { WishedBody } from '../../engine/retry/body-maker.ts';
import type { ManualRetries } from '../../engine/retry/manual.ts';
import type { RetryPreview } from '../../engine/retry/preview.ts';
import type { Handlers } from '../handler.ts';
import { maskContext } from '../masking/mask-body.ts';
import { maskPreview } from '../masking/mask-retry.ts';

/** Handlers of the procedures by which a person retries one log. */
export function retryHandlers(
  retries: ManualRetries,
): Handlers<'previewRetry' | 'retryIntegration' | 'cancelRetry'> {
  const blind = (sha256: string) => retries.blind(sha256);
  return {
    previewRetry: async (input, caller) => {
      if (caller.role === 'viewer') refuseViewer(input);
      const preview = await retries.preview(input.log_id, wishedBody(input));
      if (input.reveal) return previewDocumentOf(preview, (sha256) => sha256);
      return maskPreview(previewDocumentOf(preview, blind), maskContext(shownIds(preview.log)));
    },
    retryIntegration: async (input, caller) => {
      const wish = {
        body: wishedBody(input),
        reason: input.reason ?? null,
        acceptsDuplicates: input.accept_duplicates,
      };
      const by = { actor: caller.name, expectedSha256: input.expected_sha256 ?? null };
      const { queued, made, sha256, warnings } = await retries.retry(input.log_id, wish, by);
      return {
        log_id: queued.logId,
        attempt_id: attemptId(queued.logId, queued.attempt),
        revision: queued.revision,
        key: revisionKey(queued.logId, queued.revision),
        sha256: blind(sha256),
        body: made.body,
        objects_from: made.objectsFrom,
        fallback: made.fallback,
        warnings,
        waits: queued.waits,
        retry_count: queued.retryCount,
      };
    },
    cancelRetry: async (input, caller) => {
      const { logId, outcome } = await retries.cancel(input.log_id, input.reason, caller.name);
      return { log_id: logId, outcome };
    },
  };
}

/**
 * What only operators may look at. A masked comparison with an edit of one's own would tell a guesser
 * where the guess is right.
 * @throws LabRelayError `FORBIDDEN`
 */
function refuseViewer({ reveal, body }: Input<'previewRetry'>): void {
  const cure = 'which takes the role operator; leave it out or use another key';
  if (reveal) throw fieldError('FORBIDDEN', 'reveal', `shows patient data, ${cure}`);
  if (body === 'edited') {
    throw fieldError('FORBIDDEN', 'body', `edited compares a body with patient data, ${cure}`);
  }
}

/** @throws LabRelayError `INVALID_INPUT` where fields do not go together */
function wishedBody(
  input: Pick<Input<'retryIntegration'>, 'body' | 'payload' | 'revision' | 'config_version'>,
): WishedBody {
  const { body, payload, revision, config_version } = input;
  const belongs = { payload: 'edited', revision: 'stored', config_version: 'fresh' } as const;
  for (const [field, owner] of Object.entries(belongs)) {
    if (input[field as keyof typeof belongs] !== undefined && body !== owner) {
      const cure = `goes with body ${owner}; leave it out, or send body: ${owner}`;
      throw fieldError('INVALID_INPUT', field, cure);
    }
  }
  switch (body) {
    case 'fresh':
      return { kind: 'FRESH', configVersion: config_version ?? null };
    case 'stored':
      return { kind: 'STORED', revision: revision ?? null };
    case 'edited':
      if (payload !== undefined) return { kind: 'EDITED', payload };
      throw fieldError('INVALID_INPUT', 'payload', 'is missing; give the edited body');
  }
}

/** @param shown how hashes are shown */
function previewDocumentOf(
  preview: RetryPreview,
  shown: (sha256: string) => string,
): Output<'previewRetry'> {
  const { log, obstacle, lastSent, now, differences } = preview;
  return {
    log_id: log.logId,
    masked: false,
    terms: preview.terms,
    obstacle: obstacle?.why ?? null,
    obstacle_sentence: obstacle?.message ?? null,
    doubts: preview.doubts.map((doubt, index) => ({
      doubt,
      sentence: preview.sentences[index] ?? '',
    })),
    last_sent: lastSent && {
      revision: lastSent.revision,
      key: lastSent.key,
      sha256: shown(lastSent.sha256),
      attempt_id: lastSent.attemptId,
      content_type: lastSent.contentType,
      body: lastSent.body,
    },
    now:
      now.outcome === 'FAILED'
        ? { ...NOTHING, message: now.message }
        : {
            outcome: now.outcome,
            revision: now.revision,
            key: now.key,
            sha256: shown(now.sha256),
            content_type: now.contentType,
            body: now.body,
            made: now.made,
            objects_from: now.objectsFrom,
            fallback: now.fallback,
            config_version: now.configVersion,
            message: null,
          },
    differences: differences.slice(0, DIFFERENCES_SHOWN).map(({ path, kind, before, after }) => ({
      path,
      kind,
      before: before ?? null,
      after: after ?? null,
    })),
    differences_total: differences.length,
    may_hold: log.mayHold,
    overtaken_by: log.overtakenBy,
    versions: { last_attempt: log.lastConfigVersion, current: preview.currentVersion },
  };
}

const NOTHING = {
  outcome: 'FAILED',
  revision: null,
  key: null,
  sha256: null,
  content_type: null,
  body: null,
  made: null,
  objects_from: null,
  fallback: null,
  config_version: null,
} as const;

/** Ids that stay readable in the bodies, since the log's own document shows them to everybody. */
function shownIds(log: RetryableLog): string[] {
  return [
    log.logId,
    log.actionCategory,
    String(log.labId),
    ...(log.eventId === null ? [] : [log.eventId]),
    ...(log.labIntegrationId === null ? [] : [String(log.labIntegrationId)]),
    ...log.references.filter(({ kind }) => kind !== 'patient').map(({ id }) => id),
  ];
}
