import { CHOSEN_TOKEN } from '../../src/main/engine/configuration/access-keys.ts';
import { hash } from 'node:crypto';
import { type EventRoute, parseEventBody } from '../../src/shared/contract/events.ts';
import { contract, type ProcedureName } from '../../src/shared/contract/index.ts';
import { fieldError, LabRelayError } from '../../src/shared/errors.ts';
import { type AccessKey, DEFAULT_SETTINGS } from '../../src/shared/model/configuration.ts';
import type { InboundCall } from '../../src/shared/model/call.ts';
import type { JsonObject, JsonValue } from '../../src/shared/model/json.ts';
import type { Session } from '../../src/shared/model/session.ts';
import type { Handlers } from '../../src/main/bridge/handler.ts';
import type { PushSink } from '../../src/main/bridge/pushes/push-hub.ts';
import { Inbound } from '../../src/main/engine/inbound/inbound.ts';
import type { EventCaller } from '../../src/main/http/event-routes.ts';
import type { ServedEngine } from '../../src/main/http/server.ts';

/** The one log that the fake engine knows. */
export const KNOWN_LOG = '0197b2f0-0000-7000-8000-000000000001';

const LAB = {
  name: 'City Lab',
  organizationId: 3,
  timeZone: 'UTC',
  isActive: true,
  domainSource: null,
};

function key(accessKeyId: number, values: Partial<AccessKey> & Pick<AccessKey, 'kind'>): AccessKey {
  return {
    accessKeyId,
    name: `key ${accessKeyId}`,
    role: null,
    labIds: null,
    routes: null,
    hash: '',
    hint: '',
    createdAt: 0,
    revokedAt: null,
    ...values,
  };
}

/** Tokens that the fake engine knows, by what they may do. */
export const TOKENS = {
  inbound: 'token-inbound',
  billingOnly: 'token-billing-only',
  labSevenOnly: 'token-lab-seven-only',
  appointments: 'token-appointments',
  viewer: 'token-viewer',
  operator: 'token-operator',
  admin: 'token-admin',
  internal: 'token-internal',
  /** Chosen by a person, so that it may be guessed. */
  chosen: 'token-chosen',
} as const;

type BulkCall = Parameters<ServedEngine['bulk']['receive']>[0];

/** A batch that the fake engine was given. */
export interface TakenBatch extends BulkCall {
  records: JsonValue[];
  envelope: JsonObject | null;
  isDropped: boolean;
}

/**
 * A FAKE of the engine, for tests of what the server itself does: it keeps what it was given and
 * answers from fixed tables. Tests with the real engine are in test/host.
 */
export class FakeEngine implements ServedEngine {
  readonly accepted: { route: EventRoute; body: unknown; caller: EventCaller }[] = [];
  readonly batches: TakenBatch[] = [];
  readonly reports: unknown[] = [];
  readonly reporters: (string | null)[] = [];
  readonly calls: { name: string; input: unknown; role: string }[] = [];
  readonly settings = { ...DEFAULT_SETTINGS };
  status: 'ok' | 'degraded' = 'ok';
  /** Thrown by the next event instead of taking it. */
  fault: Error | null = null;
  /** Events that have come in. */
  entered = 0;
  /** They wait here until it resolves. */
  gate: Promise<void> = Promise.resolve();

  private readonly keys = new Map<string, AccessKey>([
    [TOKENS.inbound, key(1, { kind: 'inbound' })],
    [TOKENS.billingOnly, key(2, { kind: 'inbound', routes: ['/billing/'] })],
    [TOKENS.appointments, key(9, { kind: 'inbound', labIds: [7], routes: ['/appointment'] })],
    [TOKENS.labSevenOnly, key(3, { kind: 'inbound', labIds: [7] })],
    [TOKENS.viewer, key(4, { kind: 'user', role: 'viewer' })],
    [TOKENS.operator, key(5, { kind: 'user', role: 'operator' })],
    [TOKENS.admin, key(6, { kind: 'user', role: 'admin' })],
    [TOKENS.internal, key(7, { kind: 'internal' })],
    [TOKENS.chosen, key(8, { kind: 'user', role: 'admin', name: CHOSEN_TOKEN })],
  ]);

  /** From now on this token is not known. */
  revoke(token: string): void {
    this.keys.delete(token);
  }

  readonly configuration: ServedEngine['configuration'] = {
    accessKeyOf: (token) => this.keys.get(token),
    settings: this.settings,
  };

  readonly intake: ServedEngine['intake'] = {
    accept: async (route, body, caller) => {
      this.entered += 1;
      await this.gate;
      if (this.fault) throw this.fault;
      const event = parseEventBody(route, body);
      if (caller.labIds && !caller.labIds.includes(event.lab_id)) {
        throw new LabRelayError('FORBIDDEN', 'This key may not speak for that lab.');
      }
      if (event.lab_id === 404) throw fieldError('UNKNOWN_LAB', 'lab_id', 'add the lab first');
      const repeated = this.accepted.some(
        (one) =>
          one.caller.idempotencyKey !== null && one.caller.idempotencyKey === caller.idempotencyKey,
      );
      this.accepted.push({ route, body, caller });
      return { status: 201, body: { event_id: hash('sha256', route), log_ids: [] }, repeated };
    },
  };

  readonly bulk: ServedEngine['bulk'] = {
    receive: (call) => {
      const records: JsonValue[] = [];
      const taken = { ...call, records, envelope: null as JsonObject | null, isDropped: false };
      this.batches.push(taken);
      return {
        add: (record) => void records.push(record),
        room: async () => {},
        finish: async (envelope) => {
          taken.envelope = envelope;
          if (this.fault) throw this.fault;
          return { status: 202, body: { accepted: records.length, rejected: [] }, repeated: false };
        },
        drop: async () => {
          taken.isDropped = true;
        },
      };
    },
  };

  /** Calls that were kept, in the order in which they were answered. */
  readonly calledIn: InboundCall[] = [];
  /** Thrown instead of keeping a call. */
  callFault: Error | null = null;
  readonly inbound = new Inbound({
    store: {
      keepCall: async (call) => {
        if (this.callFault) throw this.callFault;
        this.calledIn.push(call);
      },
    },
    configuration: { lab: (labId) => (labId === 7 ? { ...LAB, labId } : undefined) },
    clock: Date.now,
    onTrouble: () => {},
  });

  readonly appointments: ServedEngine['appointments'] = {
    list: async () => ({ items: [], next_cursor: null }),
  };

  /** Cookies' values that are known, by whose they are. */
  readonly sessions = new Map<string, { session: Session; key: AccessKey }>();
  readonly refusals: string[] = [];
  /** For each look at a session, whether it counted as used. */
  readonly uses: boolean[] = [];
  readonly people: ServedEngine['people'] = {
    find: (value, isUse) => {
      this.uses.push(isUse);
      return this.sessions.get(value) ?? null;
    },
    in: async (accessKey, address) => {
      const value = `value-${this.sessions.size + 1}`;
      const session = {
        sessionId: this.sessions.size + 1,
        accessKeyId: accessKey.accessKeyId,
        hash: '',
        address,
        createdAt: 0,
        lastUsedAt: 0,
        expiresAt: 43_200_000,
      };
      this.sessions.set(value, { session, key: accessKey });
      return { session, value };
    },
    out: async ({ session }) => {
      for (const [value, one] of this.sessions) {
        if (one.session.sessionId === session.sessionId) this.sessions.delete(value);
      }
    },
    refused: (address) => this.refusals.push(address),
  };

  /** Those who listen to the stream. */
  readonly listeners: {
    sink: PushSink;
    lastId: string | null;
    isEnded: boolean;
    resumed: number;
  }[] = [];
  readonly pushes: ServedEngine['pushes'] = {
    subscribe: (sink, lastId) => {
      const listener = { sink, lastId, isEnded: false, resumed: 0 };
      this.listeners.push(listener);
      return {
        resume: () => listener.resumed++,
        end: () => {
          listener.isEnded = true;
        },
      };
    },
  };

  /** What older integrations have told. */
  readonly notes: { route: string; body: unknown; reporter: string }[] = [];
  readonly legacyCallbacks: ServedEngine['legacyCallbacks'] = {
    take: async (route, body, reporter) => {
      this.notes.push({ route, body, reporter });
      return { log_ids: [KNOWN_LOG], objects: [], changed: true };
    },
  };

  readonly callback: ServedEngine['callback'] = {
    handle: async (report, reporter) => {
      if (report.log_id !== KNOWN_LOG) {
        throw new LabRelayError('UNKNOWN_LOG', 'No log has this log_id.');
      }
      const changed = this.reports.length === 0;
      this.reports.push(report);
      this.reporters.push(reporter);
      return { log_id: report.log_id, changed };
    },
  };

  /** Every procedure notes its call and answers what `answers` has, else an empty page. */
  readonly answers: Partial<Record<ProcedureName, unknown>> = {};
  readonly handlers = Object.fromEntries(
    Object.keys(contract).map((name) => [
      name,
      async (input: unknown, caller: { role: string }) => {
        this.calls.push({ name, input, role: caller.role });
        return (
          this.answers[name as ProcedureName] ?? { items: [], next_cursor: null, total_estimate: 0 }
        );
      },
    ]),
  ) as unknown as Handlers<ProcedureName>;

  async health() {
    return {
      status: this.status,
      version: '1.2.3',
      started_at: '2026-11-23T08:00:00.000Z',
      uptime_s: 1,
      checks: [{ name: 'store', ok: this.status === 'ok', detail: 'writable' }],
      banners: [],
      // As the real engine's: figures that the public answer must not show.
      failed_tasks: 3,
    };
  }

  async figures() {
    return {
      store: {
        schemaVersion: 1,
        logsByStatus: { SUCCESS: 5, FAIL: 2 },
        inboundByStatus: { SUCCESS: 11, FAIL: 10 },
        tasksByState: { READY: 4 },
        breakers: [],
        failedTasks: 3,
        exhausted: 12,
        nextRetryAt: Date.now() - 5,
        batchesByState: { OPEN: 1 },
        oldestTaskAt: Date.now() - 60_000,
        fileBytes: 4096,
      },
      order: { heldKeys: { HEAD_REFUSED: 1, HEAD_UNKNOWN: 2, HEAD_RETRYING: 3 }, overdue: 6 },
      holdAlerts: { count: 7, lastAt: null },
      outside: [
        { labIntegrationId: 1, ready: 8, oldestReadyAt: 0, leased: 9, started: 10, askedAt: 0 },
        { labIntegrationId: 2, ready: 1, oldestReadyAt: 0, leased: 0, started: 0, askedAt: 0 },
      ],
      inFlight: 2,
      slots: 64,
      retries: { started: 21, failed: 22, stopped: 23, deferred: 24, exhausted: 25, stalled: 26 },
      unkeptCalls: { flood: 8, store: 9 },
      attempts: [
        { outcome: 'SUCCESS' as const, certainty: 'ACCEPTED' as const, errorKind: null, count: 5 },
      ],
      spill: {
        refusedSince: 1,
        journal: { capacity: 1_000, used: 500, waiting: 9, isFull: false },
        fault: null,
        kept: { SETTLEMENT: 11, DEATH: 0, CALL: 3 },
        full: 2,
        setAside: 0,
      },
    };
  }
}
