import type { Input } from '../../../shared/contract/index.ts';
import { fieldError } from '../../../shared/errors.ts';
import type { LogSearch } from '../../../shared/model/search.ts';
import type { Directory } from '../../engine/directory/directory.ts';
import type { Handlers } from '../handler.ts';
import { logDocumentOf, logSummaryDocumentOf } from './log-documents.ts';

/** Handlers of the procedures that read logs. */
export function logHandlers(directory: Directory): Handlers<'searchLogs' | 'getLog'> {
  return {
    searchLogs: async (input, caller) => {
      if (input.text !== undefined && caller.role === 'viewer') {
        throw fieldError(
          'FORBIDDEN',
          'text',
          'searches patient data, which takes the role operator; leave it out or use another key',
        );
      }
      const page = await directory.searchLogs(logSearch(input));
      return {
        items: page.items.map(logSummaryDocumentOf),
        next_cursor: page.nextCursor,
        total_estimate: page.totalEstimate,
      };
    },
    getLog: async (input) => logDocumentOf(await directory.getLog(input.log_id)),
  };
}

function logSearch(input: Input<'searchLogs'>): LogSearch {
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
