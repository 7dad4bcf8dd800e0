import type { JsonObject, JsonValue } from '../../../shared/model/json.ts';

/** What a mapping may refer to beside its input: `$log_id`, `$event_id`, `$lab_id`, `$action_category`. */
export interface MappingBindings {
  log_id: string;
  event_id: string | null;
  lab_id: number;
  action_category: string;
}

/** What came of one evaluation. Faults are data: a bad mapping is the rule author's, not ours. */
export type MappingResult =
  | { ok: true; value: JsonValue | undefined }
  | {
      ok: false;
      /** `SYNTAX`: does not parse, or calls no known function. `RUNTIME`: threw. `LIMIT`: ran out of time or memory. */
      fault: 'SYNTAX' | 'RUNTIME' | 'LIMIT';
      /** For the rule's author; holds no value of the input. */
      message: string;
    };

/** Evaluates JSONata where it can harm nobody (a child process with a small heap and a kill timer). */
export interface MappingEvaluator {
  evaluate(mapping: string, input: JsonObject, bindings: MappingBindings): Promise<MappingResult>;
  /** Ends the child process. Idempotent; evaluations under way answer with a `LIMIT` fault. */
  stop(): Promise<void>;
}
