import type { Input } from '../../../shared/contract/index.ts';
import { fieldError } from '../../../shared/errors.ts';
import type { LogSearch } from '../../../shared/model/search.ts';
import type { Directory } from '../../engine/directory/directory.ts';
import type { Handlers } from '../handler.ts';
import { maskLog, maskSummary } from '../masking/mask-log.ts';
import { logDocumentOf, logSummaryDocumentOf } from './log-documents.ts';

/**
 * Handlers of the procedures that read logs. Everybody is shown masked documents, whatever their
 * role; to see one in clear is an act of its own, which the audit chain keeps.
 */
export function logHandlers(
  directory: Directory,
): Handlers<'searchLogs' | 'getLog' | 'getLogs' | 'revealLog' | 'resolveLog'> {
  return {
    searchLogs: async (input, caller) => {
      const isViewer = caller.role === 'viewer';
      if (isViewer && input.text !== undefined) {
        throw fieldError(
          'FORBIDDEN',
          'text',
          'searches patient data, which takes the role operator; leave it out or use another key',
        );
      }
      if (isViewer && input.reference?.kind === 'patient') {
        throw fieldError(
          'FORBIDDEN',
          'reference.kind',
          'looks for a patient, which takes the role operator; search by bill, sample, report, appointment or event, or use another key',
        );
      }
      const page = await directory.searchLogs(logSearch(input));
      return {
        items: page.items.map((log) => maskSummary(logSummaryDocumentOf(log))),
        next_cursor: page.nextCursor,
        total_estimate: page.totalEstimate,
      };
    },
    getLog: async (input) => maskLog(logDocumentOf(await directory.getLog(input.log_id))),
    getLogs: async (input) => ({
      items: (await directory.getLogs(input.log_ids)).map((log) =>
        maskSummary(logSummaryDocumentOf(log)),
      ),
    }),
    revealLog: async (input) => logDocumentOf(await directory.getLog(input.log_id)),
    resolveLog: async (input, caller) =>
      maskLog(
        logDocumentOf(
          await directory.resolveLog({
            logId: input.log_id,
            resolution: input.resolution,
            reason: input.reason,
            actor: caller.name,
          }),
        ),
      ),
  };
}

export function logSearch(input: Input<'searchLogs'>): LogSearch {
  return {
    logId: input.log_id ?? null,
    status: input.status ?? null,
    certainty: input.certainty ?? null,
    retryState: input.retry_state ?? null,
    direction: input.direction ?? null,
    labId: input.lab_id ?? null,
    labIntegrationId: input.lab_integration_id ?? null,
    actionCategory: input.action_category ?? null,
    batchId: input.batch_id ?? null,
    eventId: input.event_id ?? null,
    triggeredBy: input.triggered_by ?? null,
    controlId: input.control_id ?? null,
    reference: input.reference
      ? { kind: input.reference.kind, id: String(input.reference.id) }
      : null,
    responseStatusCode: input.response_status_code ?? null,
    errorKind: input.error_kind ?? null,
    priority: input.priority ?? null,
    from: input.from === undefined ? null : Date.parse(input.from),
    to: input.to === undefined ? null : Date.parse(input.to),
    text: input.text ?? null,
    includeSuppressed: input.include_suppressed,
    cursor: input.cursor ?? null,
    limit: input.limit,
  };
}
