import { createHash } from 'node:crypto';
import { parseInput } from '../../../shared/contract/common.ts';
import { bulkEnvelope } from '../../../shared/contract/bulk.ts';
import { fieldError, LabRelayError } from '../../../shared/errors.ts';
import {
  type BatchBegun,
  type BatchEnvelope,
  type BulkRoute,
  KEYLESS_RECORDS,
  MAX_RECORDS,
  type OpenBatch,
} from '../../../shared/model/batch.ts';
import type { CallFacts } from '../../../shared/model/call.ts';
import type { JsonObject, JsonValue } from '../../../shared/model/json.ts';
import type { ConfigurationLookup } from '../configuration/lookup.ts';
import type { BringingCall } from '../intake/bringing-call.ts';
import { canonicalJson } from '../intake/canonical.ts';
import { type IntakeCaller, scopeOf, speaksFor } from '../intake/check.ts';
import { IDEMPOTENCY_KEPT_MS, type IntakeAnswered } from '../intake/intake.ts';
import { newId } from '../intake/new-id.ts';
import { namedCategory } from '../intake/routes.ts';
import type { Batches } from './batches.ts';
import type { ArrivalPort } from './port.ts';
import { isReadyTask } from './ready-tasks.ts';

/** Records of one parcel, which is read and built at once. */
const PARCEL_RECORDS = 250;
/** Characters of one parcel, unless a single record has more. */
const PARCEL_CHARS = 256 * 1024;

/** How the records of each route are called, and what they are where nothing else is said. */
const ROUTES: Record<BulkRoute, { list: string; category: string | null }> = {
  '/integrationWebhookBulkAPI/': { list: 'records', category: null },
  '/report/submit/': { list: 'reports', category: 'REPORT_SUBMITTED' },
};

export interface ReceivingParts {
  store: ArrivalPort;
  configuration: ConfigurationLookup;
  batches: Batches;
  /** Epoch milliseconds. */
  clock: () => number;
}

/** Who sends a batch, by what way. */
export interface BulkCall {
  route: BulkRoute;
  caller: IntakeCaller;
  /** What brings it, kept when all of it has arrived; null: it comes in process. */
  call: BringingCall | null;
}

/**
 * One batch as it arrives. Its records are kept as they come, a parcel at a time, so that fifty
 * megabytes need no room in memory; nothing else exists of it until its body has ended well. A
 * crash, a broken connection or a refusal before that leaves nothing.
 */
export class Receiving {
  readonly #parts: ReceivingParts;
  readonly #call: BulkCall;
  readonly #batchId = newId();
  readonly #hash = createHash('sha256');
  #begun: Promise<BatchBegun> | null = null;
  #spooled: Promise<unknown>[] = [];
  #lines: string[] = [];
  #chars = 0;
  #count = 0;
  /** Its key was used before: what comes is compared, and not kept. */
  #isMoot = false;
  /** At least one record is the data of an event, for which a category is needed. */
  #hasData = false;

  constructor(parts: ReceivingParts, call: BulkCall) {
    this.#parts = parts;
    this.#call = call;
  }

  /**
   * Takes the next record.
   * @param json its JSON, as it came
   * @throws LabRelayError `BODY_TOO_LARGE` for one too many, `IDEMPOTENCY_KEY_NEEDED`
   */
  add(record: JsonValue, json: string): void {
    const { list } = ROUTES[this.#call.route];
    if (this.#count === MAX_RECORDS) {
      const reason = `must have at most ${MAX_RECORDS} entries; send the rest in another call`;
      throw fieldError('BODY_TOO_LARGE', list, reason);
    }
    if (this.#count === KEYLESS_RECORDS && this.#call.caller.idempotencyKey === null) {
      const reason = `is needed from ${KEYLESS_RECORDS + 1} records on, so that a call that is repeated after a time-out sends nothing twice; give each call its own`;
      throw fieldError('IDEMPOTENCY_KEY_NEEDED', 'Idempotency-Key', reason);
    }
    // A parcel has one a line.
    const text = json.includes('\n') || json.includes('\r') ? JSON.stringify(record) : json;
    if (this.#chars > 0 && this.#chars + text.length > PARCEL_CHARS) this.#spool();
    this.#count++;
    this.#hasData ||= !isReadyTask(record);
    this.#lines.push(text);
    this.#chars += text.length;
    if (this.#call.caller.idempotencyKey !== null) this.#hash.update(text).update('\n');
    if (this.#lines.length === PARCEL_RECORDS || this.#chars > PARCEL_CHARS) this.#spool();
  }

  /** Resolves when there is room for more: so much has been kept that little waits for it. */
  async room(): Promise<void> {
    while (this.#spooled.length > 1) await this.#spooled.shift();
  }

  /**
   * Ends the batch: all of its body has come.
   * @param given its envelope as the caller sent it
   * @returns the answer, once all of it is on disk; that of an earlier call which this one repeats
   * @throws LabRelayError for what is refused; nothing of it is kept then
   */
  async finish(given: JsonObject): Promise<IntakeAnswered> {
    const { store, batches, clock } = this.#parts;
    const { route, caller } = this.#call;
    const { list } = ROUTES[route];
    if (this.#count === 0) {
      throw fieldError('INVALID_INPUT', list, 'must have at least 1 entry');
    }
    const bodyHash = this.#bodyHash(given);
    // A repeat is told before anything is refused: its lab may have been switched off since.
    if (caller.idempotencyKey !== null) {
      const begun = await this.#begin();
      if (begun.outcome === 'KEY_OF_EVENT') throw keyReused();
      if (begun.outcome === 'KNOWN') return this.#repeat(begun.batchSeq, bodyHash);
    }
    const envelope = this.#checked(given);
    // In one turn, so that a small batch costs one commit.
    if (this.#begun === null) void this.#begin().catch(() => {});
    this.#spool();
    const expiresAt = clock() + IDEMPOTENCY_KEPT_MS;
    const { call } = this.#call;
    const [batch] = await Promise.all([
      store.sealBatch({
        batchId: this.#batchId,
        envelope,
        records: this.#count,
        bodyHash,
        expiresAt,
        call: call && call.taken(202, this.#facts(envelope)),
      }),
      ...this.#spooled,
    ]);
    // Had a parcel not been kept, that would have been thrown above.
    if (!batch) throw new Error('a batch was gone before it was sealed');
    call?.kept();
    batches.arrived(this.#batchId);
    batches.takeUp(batch);
    const body = await batches.answer(batch.batchSeq);
    // Nobody waits for that; it ends before the store closes.
    if (call) batches.completeCall(call.answeredWith(JSON.stringify(body)));
    return { status: 202, body, repeated: false };
  }

  #facts({ labId, actionCategory, priority }: BatchEnvelope): CallFacts {
    const { configuration } = this.#parts;
    const category = actionCategory === null ? null : configuration.actionCategory(actionCategory);
    return {
      labId,
      organizationId: configuration.lab(labId)?.organizationId ?? null,
      actionCategoryListId: category?.actionCategoryListId ?? null,
      actionCategory,
      eventId: null,
      batchId: this.#batchId,
      priority,
      references: [],
    };
  }

  /** Gives the batch up: nothing of it stays. Never throws; the next start drops what could not be. */
  async drop(): Promise<void> {
    if (this.#begun === null) return;
    this.#lines = [];
    await Promise.allSettled([this.#begun, ...this.#spooled]);
    await this.#parts.batches.drop(this.#batchId);
  }

  #begin(): Promise<BatchBegun> {
    const { route, caller, call } = this.#call;
    this.#begun ??= this.#parts.batches.begin({
      batchId: this.#batchId,
      route,
      accessKeyId: caller.accessKeyId,
      triggeredBy: call?.logId ?? null,
      idempotency:
        caller.idempotencyKey === null
          ? null
          : { scope: scopeOf(caller.accessKeyId, route), key: caller.idempotencyKey },
      receivedAt: this.#parts.clock(),
    });
    const moot = ({ outcome }: BatchBegun) => {
      this.#isMoot = outcome !== 'BEGUN';
    };
    this.#begun.then(moot, () => {});
    return this.#begun;
  }

  /** Sends what has been gathered to be kept. */
  #spool(): void {
    if (this.#lines.length === 0) return;
    const records = this.#lines.length;
    const parcel = { position: this.#count - records, records, lines: this.#lines.join('\n') };
    this.#lines = [];
    this.#chars = 0;
    if (this.#isMoot) return;
    const begun = this.#begin();
    const kept = this.#parts.store.spoolRecords({ batchId: this.#batchId, parcel });
    // Both are in the same turn, and so in this order.
    const spooled = Promise.all([begun, kept]);
    // Whoever waits for it is told; until then it is no unhandled one.
    spooled.catch(() => {});
    this.#spooled.push(spooled);
  }

  #bodyHash(given: JsonObject): string {
    if (this.#call.caller.idempotencyKey === null) return '';
    return this.#hash.update(canonicalJson(given)).digest('hex');
  }

  #checked(given: JsonObject): BatchEnvelope {
    const { configuration } = this.#parts;
    const { route, caller } = this.#call;
    const body = parseInput(bulkEnvelope, given);
    const { labId, organizationId } = speaksFor(caller, body.lab_id, configuration);
    // Should it be refused after all, it is found under its lab.
    this.#call.call?.about({ labId, organizationId });
    const actionCategory = body.action_category ?? ROUTES[route].category;
    if (actionCategory !== null) {
      namedCategory(
        actionCategory,
        route === '/report/submit/' ? route : '/api/v1/events',
        configuration,
      );
    } else if (this.#hasData) {
      const reason = 'is missing; give the code of an action category, e.g. BILL_GENERATED';
      throw fieldError('INVALID_INPUT', 'action_category', reason);
    }
    return {
      labId: body.lab_id,
      actionCategory,
      priority: body.priority ?? 'ROUTINE',
      deliverBy: body.deliver_by === undefined ? null : Date.parse(body.deliver_by),
    };
  }

  /** The answer of the call that came with this key before. */
  async #repeat(batchSeq: number, bodyHash: string): Promise<IntakeAnswered> {
    const { store, batches } = this.#parts;
    await batches.whenArrived(batchSeq);
    const batch: OpenBatch | null = await store.openBatch(batchSeq);
    if (!batch || batch.state === 'DROPPED' || batch.state === 'RECEIVING') {
      const detail =
        'The call that came with this Idempotency-Key before broke off, and nothing of it was kept. Send it again.';
      throw new LabRelayError('CONTENDED', detail);
    }
    if (batch.bodyHash !== bodyHash) throw keyReused();
    this.#call.call?.about({ batchId: batch.batchId, labId: batch.envelope?.labId ?? null });
    return { status: 202, body: await batches.answer(batchSeq), repeated: true };
  }
}

function keyReused(): LabRelayError {
  const reason = 'was used with another body; give each request its own key';
  return fieldError('IDEMPOTENCY_KEY_REUSED', 'Idempotency-Key', reason);
}
