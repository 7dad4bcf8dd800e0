import type { LegacyAnswer, LegacyRoute } from '../../../../shared/contract/legacy.ts';
import { fieldError, LabRelayError } from '../../../../shared/errors.ts';
import type { LogOrigin } from '../../../../shared/model/delivery.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../../shared/model/json.ts';
import type {
  LegacyNote,
  LegacyNoted,
  ObjectNotes,
  ObjectNotesQuery,
} from '../../../../shared/model/legacy-note.ts';
import type { ConfigurationLookup } from '../../configuration/lookup.ts';
import { credentialsOf, NO_CREDENTIALS } from '../../dispatch/known-credentials.ts';
import { namedIn } from './names.ts';
import { detailOf, noteOf, withoutKnown } from './words.ts';

/** What the room of older integrations' callbacks needs of the store. */
export interface LegacyPort {
  /** Writes a note to the logs, or else the objects, that it names; the same once more changes nothing. */
  noteLegacy(note: LegacyNote): Promise<LegacyNoted>;
  objectNotes(query: ObjectNotesQuery): Promise<ObjectNotes>;
  originOfLog(logId: string): Promise<LogOrigin | null>;
}

const CURE =
  'name the log (log_id), or an object (bill_id, sample_id, report_id, appointment_id or patient_id) with its lab_id, at the top or up to two levels below';

/**
 * The callbacks of older integrations (guide, `integration_status_callback` and its like): bodies of any
 * shape, kept as readable notes on the log or object that they name. No log's status, stage or attempt
 * is ever changed by one; `/integration_callback/` is for that.
 */
export class LegacyCallbacks {
  readonly #store: LegacyPort;
  readonly #configuration: ConfigurationLookup;
  readonly #clock: () => number;

  /** @param deps.clock epoch milliseconds */
  constructor(deps: {
    store: LegacyPort;
    configuration: ConfigurationLookup;
    clock: () => number;
  }) {
    this.#store = deps.store;
    this.#configuration = deps.configuration;
    this.#clock = deps.clock;
  }

  /**
   * Keeps what an older integration tells.
   * @param reporter name of the access key that it came with
   * @throws LabRelayError `SWITCHED_OFF`; `INVALID_INPUT` for a body that names nothing; `UNKNOWN_LOG` and
   *   `NOT_FOUND` for one that names nothing that is known; nothing is kept then
   */
  async take(route: LegacyRoute, body: unknown, reporter: string): Promise<LegacyAnswer> {
    if (!this.#configuration.settings.legacyCallbacksEnabled) {
      throw new LabRelayError(
        'SWITCHED_OFF',
        'The callbacks of older integrations are switched off (legacy_callbacks_enabled). Report to /integration_callback/, or have an administrator switch them on.',
      );
    }
    if (!isJsonObject(body)) {
      throw fieldError('INVALID_INPUT', '', 'must be a JSON object, or form fields');
    }
    const named = namedIn(body);
    const { logIds, objects } = named;
    if (logIds.length === 0 && objects.length === 0) {
      throw fieldError('INVALID_INPUT', 'log_id', CURE);
    }
    const noted = await this.#store.noteLegacy({
      logIds,
      labId: named.labId,
      objects,
      actor: reporter,
      note: noteOf(route, named),
      detail: await this.#masked(logIds, detailOf(route, body)),
      at: this.#clock(),
    });
    switch (noted.outcome) {
      case 'NOTED':
        return { log_ids: noted.logIds, objects: noted.objects, changed: noted.changed };
      case 'SEVERAL_LABS':
        throw fieldError(
          'INVALID_INPUT',
          'lab_id',
          `several labs have this ${noted.object.kind}; name its lab_id`,
        );
      case 'UNKNOWN':
        throw logIds.length > 0
          ? fieldError('UNKNOWN_LOG', 'log_id', `is not known here; ${CURE}`)
          : fieldError('NOT_FOUND', `${objects[0]?.kind}_id`, `is not known here; ${CURE}`);
    }
  }

  /** What was noted about an object, the newest first. */
  notes(query: ObjectNotesQuery): Promise<ObjectNotes> {
    return this.#store.objectNotes(query);
  }

  /** Without what the logs' own partners were sent to believe us. */
  async #masked(logIds: readonly string[], detail: JsonObject): Promise<string> {
    let kept: JsonValue = detail;
    const looked = new Set<number>();
    for (const logId of logIds) {
      const id = (await this.#store.originOfLog(logId))?.labIntegrationId ?? null;
      const rule = id === null || looked.has(id) ? undefined : this.#configuration.integration(id);
      if (id !== null) looked.add(id);
      const known = rule ? credentialsOf(rule, this.#configuration) : NO_CREDENTIALS;
      if (known !== NO_CREDENTIALS) kept = withoutKnown(kept, known);
    }
    return JSON.stringify(kept);
  }
}
