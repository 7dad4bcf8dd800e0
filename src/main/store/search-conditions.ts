import type { LogSearch } from '../../shared/model/search.ts';
import { LOG_STATUSES, type LogStatus } from '../../shared/model/vocabulary.ts';

/** Where the next page starts: behind this row, in the order of the listing. */
export interface Cursor {
  createdAt: number;
  seq: number;
  total: number;
}

/** Conditions on `log` with their parameters. */
export interface Condition {
  where: string[];
  params: (string | number)[];
}

/** The index that a listing walks; each yields newest first without sorting. */
type Walk =
  | 'log_by_time'
  | 'log_by_lab'
  | 'log_by_integration'
  | 'log_by_event'
  | 'log_by_batch'
  | 'log_by_trigger'
  | 'log_by_control_id'
  | 'log_not_successful'
  | 'log_of_calls'
  | 'log_by_error'
  | 'log_by_refusal_code'
  | 'reference'
  | 'log_id';

/**
 * From so many characters on a part of a log_id finds few logs, and may be its end too. Fewer are
 * the beginning of nearly every id, since ids begin with their time.
 */
const NARROW_ID = 6;

/** The index that narrows a search most. */
export function chooseWalk(search: LogSearch): Walk {
  if (search.logId !== null && search.logId.length >= NARROW_ID) return 'log_id';
  if (search.controlId !== null) return 'log_by_control_id';
  if (search.reference && search.reference.kind !== 'event') return 'reference';
  if (search.eventId !== null || search.reference) return 'log_by_event';
  if (search.triggeredBy !== null) return 'log_by_trigger';
  if (search.batchId !== null) return 'log_by_batch';
  if (search.errorKind !== null) return 'log_by_error';
  if (search.responseStatusCode !== null && search.responseStatusCode >= 300) {
    return 'log_by_refusal_code';
  }
  if (search.direction === 'INBOUND') return 'log_of_calls';
  if (search.status && !search.status.includes('SUCCESS')) return 'log_not_successful';
  if (search.labIntegrationId !== null) return 'log_by_integration';
  if (search.labId !== null) return 'log_by_lab';
  return 'log_by_time';
}

/** The FROM clause of a walk. */
export function source(walk: Walk): string {
  switch (walk) {
    case 'log_id':
      // Two indexes serve it (whole id and prefix, last six characters): left to the planner's OR.
      return 'log';
    case 'reference':
      return 'log_reference ref CROSS JOIN log ON log.log_seq = ref.log_seq';
    default:
      return `log INDEXED BY ${walk}`;
  }
}

/**
 * The statuses that a walk takes one by one, each in order, to be merged: an IN would have to sort.
 * All at once (null: any) where its index is not by status.
 */
export function statusLanes(walk: Walk, search: LogSearch): (LogStatus[] | null)[] {
  const { status } = search;
  switch (walk) {
    case 'log_not_successful':
      return [...new Set(status)].map((one) => [one]);
    case 'log_of_calls':
      return LOG_STATUSES.filter((one) =>
        status ? status.includes(one) : one !== 'SUPPRESSED' || showsSuppressed(search),
      ).map((one) => [one]);
    default:
      return [status];
  }
}

/** Suppressed logs are found where they are asked for, or one log is. */
function showsSuppressed({ includeSuppressed, status, logId }: LogSearch): boolean {
  return includeSuppressed || (status?.includes('SUPPRESSED') ?? false) || logId !== null;
}

/** All filters but text and cursor as SQL. */
export function conditionOf(search: LogSearch): Condition {
  const where: string[] = [];
  const params: (string | number)[] = [];
  const add = (sql: string, ...values: (string | number)[]) => {
    where.push(sql);
    params.push(...values);
  };
  const anyOf = (column: string, values: readonly string[] | null) => {
    if (values) add(`${column} IN (${values.map(() => '?').join(', ')})`, ...values);
  };
  const equals = (column: string, value: string | number | null) => {
    if (value !== null) add(`${column} = ?`, value);
  };

  if (search.logId !== null && search.logId.length < NARROW_ID) {
    const id = search.logId.toLowerCase();
    add(`log.log_id BETWEEN ? AND ? || 'g'`, id, id);
    // Of no row's, so it is asked once: a beginning that no id has must not walk through all logs.
    // Not EXISTS, which the planner would make a join, and then sort.
    add(
      `(SELECT any_log.log_seq FROM log any_log WHERE any_log.log_id BETWEEN ? AND ? || 'g' LIMIT 1) IS NOT NULL`,
      id,
      id,
    );
  } else if (search.logId !== null) {
    const id = search.logId.toLowerCase();
    add(
      `(log.log_id BETWEEN ? AND ? || 'g' OR (substr(log.log_id, -6) = ? AND log.log_id LIKE ?))`,
      id,
      id,
      id.slice(-6),
      `%${id}`,
    );
  }
  const walk = chooseWalk(search);
  if (walk === 'log_not_successful' && search.status?.length === 1) {
    // The second term is what lets the partial index serve it.
    add(`log.status = ? AND log.status <> 'SUCCESS'`, search.status[0] as string);
  } else if (walk === 'log_of_calls' && search.status?.length === 1) {
    add(`log.status = ?`, search.status[0] as string);
  } else {
    anyOf('log.status', search.status);
  }
  if (!showsSuppressed(search)) add(`log.status <> 'SUPPRESSED'`);
  anyOf('log.certainty', search.certainty);
  anyOf('log.retry_state', search.retryState);
  // In words, since a partial index serves no parameter.
  if (search.direction !== null) add(`log.direction = '${search.direction}'`);
  equals('log.lab_id', search.labId);
  equals('log.lab_integration_id', search.labIntegrationId);
  equals('log.action_category', search.actionCategory);
  equals('log.batch_id', search.batchId);
  equals('log.event_id', search.eventId);
  equals('log.triggered_by', search.triggeredBy);
  equals('log.control_id', search.controlId);
  equals('log.error_kind', search.errorKind);
  equals('log.priority', search.priority);
  if (search.reference?.kind === 'event') equals('log.event_id', search.reference.id);
  else if (search.reference) {
    if (walk === 'reference' && search.text === null) {
      add('ref.id = ? AND ref.kind = ?', search.reference.id, search.reference.kind);
    } else {
      add(
        'EXISTS (SELECT 1 FROM log_reference r WHERE r.id = ? AND r.kind = ? AND r.log_seq = log.log_seq)',
        search.reference.id,
        search.reference.kind,
      );
    }
  }
  if (search.responseStatusCode !== null) {
    equals('log.response_status_code', search.responseStatusCode);
    if (search.responseStatusCode >= 300) add('log.response_status_code >= 300');
  }
  if (search.from !== null) add('log.created_at >= ?', search.from);
  if (search.to !== null) add('log.created_at < ?', search.to);
  return { where, params };
}

/** Joins conditions; an empty list holds for every row. */
export function and(where: readonly string[]): string {
  return where.length === 0 ? 'TRUE' : where.join(' AND ');
}
