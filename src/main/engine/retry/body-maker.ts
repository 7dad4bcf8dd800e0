import { fieldError } from '../../../shared/errors.ts';
import type { IntegrationSettings, LabIntegration } from '../../../shared/model/configuration.ts';
import type { JsonValue } from '../../../shared/model/json.ts';
import type {
  RetryableLog,
  RetryBody,
  RetryMade,
  RetryObstacle,
} from '../../../shared/model/retry.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import { sha256 } from '../intake/canonical.ts';
import { FLAT_OBJECT, queryOfBody } from '../payload/query.ts';
import type { PinnedMapping, RebuildableLog, RebuildFault, Rebuilt } from '../payload/rebuild.ts';
import { isChanged, isNew, lastSent, nextNumber, numberOf } from './bytes.ts';
import { changedPaths } from './difference.ts';
import { editedBody } from './edited.ts';
import type { ManualRetryPort } from './manual-port.ts';

/** Which bytes somebody wants sent. */
export type WishedBody =
  /** Built anew; with the mapping of an earlier version where one is named. */
  | { kind: 'FRESH'; configVersion: number | null }
  /** Those of a revision; null: what was sent last. */
  | { kind: 'STORED'; revision: number | null }
  | { kind: 'EDITED'; payload: JsonValue };

/** Bytes as they would go. */
export interface MadeBody {
  outcome: 'MADE';
  body: RetryBody;
  made: RetryMade;
  /** A person has chosen these very bytes. */
  isChosen: boolean;
  /** The number that they have, or would get. */
  revision: number;
  sha256: string;
  contentType: string;
  /** The version of the rule that made them. */
  configVersion: number;
  /** Null where they are a stored revision's and were not read. */
  text: string | null;
  /** They are not what was sent last. */
  isChanged: boolean;
}

/** Why there are none. */
export interface NoBody {
  outcome: 'NOT_MADE';
  why: RetryObstacle;
  /** Holds no value of the input. */
  message: string;
}

export interface BodyMakerDeps {
  store: Pick<ManualRetryPort, 'revisionBody'>;
  configuration: Pick<ConfigurationLookup, 'actionCategoryById'>;
  rebuild: (log: RebuildableLog, pinned: PinnedMapping | null) => Promise<Rebuilt>;
  /** A former version of a rule; null where there is none. */
  versionOf: (labIntegrationId: number, version: number) => Promise<IntegrationSettings | null>;
}

/** Makes the bytes of a retry, as they are wished for. What cannot be made is a result. */
export class BodyMaker {
  readonly #deps: BodyMakerDeps;

  constructor(deps: BodyMakerDeps) {
    this.#deps = deps;
  }

  /**
   * @throws LabRelayError `INVALID_INPUT` or `NOT_FOUND` where the wish itself cannot be met, naming its
   *   field; and what reading objects throws
   */
  async make(
    log: RetryableLog,
    rule: LabIntegration,
    wish: WishedBody,
  ): Promise<MadeBody | NoBody> {
    switch (wish.kind) {
      case 'STORED':
        return this.#stored(log, wish.revision, true);
      case 'EDITED':
        return this.#edited(log, rule, wish.payload);
      case 'FRESH':
        if (!log.isBodyGiven) return this.#fresh(log, rule, wish.configVersion);
        if (wish.configVersion !== null) {
          const cure = 'its body came ready with its task, so no mapping made it; leave it out';
          throw fieldError('INVALID_INPUT', 'config_version', cure);
        }
        return this.#stored(log, log.revision || null, false);
    }
  }

  /** @param named null: the one that was sent last or, where none was, is to be sent */
  async #stored(
    log: RetryableLog,
    named: number | null,
    isChosen: boolean,
  ): Promise<MadeBody | NoBody> {
    const number = named ?? log.lastRevision ?? log.revision;
    const known = log.revisions.find((one) => one.number === number);
    if (!known) {
      if (named === null) return notMade('NO_BODY', 'It has no body yet; build one (body: fresh).');
      const reason = `the log has no revision ${named}; getLog lists them`;
      throw fieldError('NOT_FOUND', 'revision', reason);
    }
    return {
      outcome: 'MADE',
      body: { kind: 'STORED', revision: number },
      made: {
        body: 'STORED',
        objectsFrom: null,
        fallback: null,
        changed: await this.#changed(log, known.sha256, () => this.#textOf(log, number)),
      },
      isChosen,
      revision: number,
      sha256: known.sha256,
      contentType: known.contentType,
      configVersion: known.configVersion,
      text: null,
      isChanged: isChanged(log, known.sha256),
    };
  }

  async #edited(log: RetryableLog, rule: LabIntegration, payload: JsonValue): Promise<MadeBody> {
    const model = lastSent(log) ?? log.revisions.at(-1);
    const contentType = model?.contentType ?? 'application/json';
    const body = editedBody(payload, { contentType, method: rule.method });
    const hash = sha256(body);
    const configVersion = rule.version;
    const same = numberOf(log, hash);
    return {
      outcome: 'MADE',
      body:
        same === null
          ? { kind: 'EDITED', revision: { body, contentType, sha256: hash, configVersion } }
          : { kind: 'STORED', revision: same },
      made: {
        body: 'EDITED',
        objectsFrom: null,
        fallback: null,
        changed: await this.#changed(log, hash, async () => body),
      },
      isChosen: true,
      revision: same ?? nextNumber(log),
      sha256: hash,
      contentType,
      configVersion,
      text: body,
      isChanged: isChanged(log, hash),
    };
  }

  async #fresh(
    log: RetryableLog,
    rule: LabIntegration,
    configVersion: number | null,
  ): Promise<MadeBody | NoBody> {
    const pinned = configVersion === null ? null : await this.#pinned(rule, configVersion);
    // The code of its category may have been changed since; its number never is.
    const category = this.#deps.configuration.actionCategoryById(log.actionCategoryListId);
    const built = await this.#deps.rebuild(
      {
        logId: log.logId,
        labId: log.labId,
        labIntegrationId: rule.labIntegrationId,
        actionCategory: category?.code ?? log.actionCategory,
        eventId: log.eventId,
        references: log.references,
        // So that the bytes come back in any case: they are compared with all that it has.
        sha256: '',
        isBodyGiven: false,
      },
      pinned,
    );
    if (built.outcome === 'FAILED') return notMade(obstacleOf(built.why), built.message);
    if (built.outcome === 'SAME') throw new Error('a body was taken for the empty one');
    const { revision } = built;
    if (rule.method === 'GET' && queryOfBody(revision.body) === null) {
      return notMade('MAPPING_FAILED', FLAT_OBJECT);
    }
    const same = numberOf(log, revision.sha256);
    const { objectsFrom, fallback, sha256: hash } = revision;
    return {
      outcome: 'MADE',
      body: same === null ? { kind: 'BUILT', revision } : { kind: 'STORED', revision: same },
      made: {
        body: isNew(log, hash) ? 'CHANGED' : 'SAME',
        objectsFrom,
        fallback,
        changed: await this.#changed(log, hash, async () => revision.body),
      },
      isChosen: pinned !== null,
      revision: same ?? nextNumber(log),
      sha256: hash,
      contentType: revision.contentType,
      configVersion: revision.configVersion,
      text: revision.body,
      isChanged: isChanged(log, hash),
    };
  }

  async #pinned(rule: LabIntegration, version: number): Promise<PinnedMapping | null> {
    if (version === rule.version) return null;
    const settings = await this.#deps.versionOf(rule.labIntegrationId, version);
    if (settings) return { mapping: settings.mapping, version };
    const reason = `integration ${rule.labIntegrationId} has no version ${version}; listIntegrationVersions lists them`;
    throw fieldError('NOT_FOUND', 'config_version', reason);
  }

  /** Where bytes differ from what was sent last. */
  async #changed(log: RetryableLog, hash: string, text: () => Promise<string>): Promise<string[]> {
    const last = lastSent(log);
    if (!last || last.sha256 === hash) return [];
    return changedPaths(await this.#textOf(log, last.number), await text());
  }

  async #textOf({ logId }: RetryableLog, revision: number): Promise<string> {
    return (await this.#deps.store.revisionBody({ logId, revision }))?.body ?? '';
  }
}

function obstacleOf(why: RebuildFault): RetryObstacle {
  switch (why) {
    case 'RULE_GONE':
      return 'NO_RULE';
    case 'OBJECT_GONE':
    case 'MAPPING_FAILED':
      return why;
  }
}

function notMade(why: RetryObstacle, message: string): NoBody {
  return { outcome: 'NOT_MADE', why, message };
}
