import { LabRelayError } from '../../../shared/errors.ts';
import type { LogRecord } from '../../../shared/model/delivery.ts';
import type { LogPage, LogSearch } from '../../../shared/model/search.ts';
import type { DirectoryPort } from './port.ts';

/** The integration directory as it is read: one document per delivery, found by `log_id`. */
export class Directory {
  readonly #store: DirectoryPort;

  constructor(store: DirectoryPort) {
    this.#store = store;
  }

  /** @throws LabRelayError `UNKNOWN_LOG` */
  async getLog(logId: string): Promise<LogRecord> {
    const log = await this.#store.getLog(logId.toLowerCase());
    if (!log) {
      throw new LabRelayError(
        'UNKNOWN_LOG',
        'No log has this log_id. Give it whole, or search by its first or last six characters.',
        [{ field: 'log_id', reason: 'is not known here' }],
      );
    }
    return log;
  }

  searchLogs(search: LogSearch): Promise<LogPage> {
    return this.#store.searchLogs(search);
  }
}
