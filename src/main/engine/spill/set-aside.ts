import { open } from 'node:fs/promises';
import type { SpillRecord } from '../../../shared/model/spill.ts';

/** A record that the store refused for good. */
export interface RefusedRecord {
  /** Epoch milliseconds. */
  at: number;
  sequence: number;
  reason: string;
  /** Null: its bytes in the journal were damaged. */
  record: SpillRecord | null;
}

/** Where such records are kept, one JSON document a line, for their owner alone. */
export class SetAside {
  readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  /** Durable once it resolves. @throws where the file cannot be written */
  async write(refused: RefusedRecord): Promise<void> {
    const handle = await open(this.file, 'a', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(refused)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}
