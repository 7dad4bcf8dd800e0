import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventRoutes } from '../../src/shared/contract/events.ts';
import { contract, type ProcedureName } from '../../src/shared/contract/index.ts';
import { procedurePath } from '../../src/main/http/procedure-routes.ts';
import { BILL, type Served, serve } from './serving.ts';

let served: Served;
beforeAll(async () => {
  served = await serve();
});
afterAll(() => served.server.close());

describe('GET /health', () => {
  it('is open to anyone and shows no figures', async () => {
    const response = await fetch(`${served.url}/health`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      status: 'ok',
      version: '1.2.3',
      started_at: '2026-11-23T08:00:00.000Z',
      uptime_s: 1,
      checks: [{ name: 'store', ok: true, detail: 'writable' }],
      banners: [],
    });
  });

  it('tells a monitor that looks at the status alone', async () => {
    served.engine.status = 'degraded';
    const response = await fetch(`${served.url}/health`);
    served.engine.status = 'ok';
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ status: 'degraded' });
  });
});

describe('GET /metrics', () => {
  it('is Prometheus text with the figures of engine, routes and process', async () => {
    await served.post('/billing/', BILL);
    await served.post('/billing/', 'broken');
    const response = await fetch(`${served.url}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain');
    const text = await response.text();
    for (const line of [
      'labrelay_info{version="1.2.3"} 1',
      'labrelay_events_total{route="/billing/",outcome="accepted"} 1',
      'labrelay_event_commit_seconds_count 1',
      'labrelay_http_problems_total{code="INVALID_JSON"} 1',
      'labrelay_logs{status="FAIL"} 2',
      'labrelay_inbound_calls{status="FAIL"} 10',
      'labrelay_calls_not_kept_total{reason="flood"} 8',
      'labrelay_calls_not_kept_total{reason="store"} 9',
      'labrelay_tasks{state="READY"} 4',
      'labrelay_failed_tasks 3',
      'labrelay_exhausted_deliveries 12',
      'labrelay_next_retry_seconds 0',
      'labrelay_retries_total{outcome="started"} 21',
      'labrelay_retries_total{outcome="exhausted"} 25',
      'labrelay_stalled_logs_total 26',
      'labrelay_deliveries_in_flight 2',
      'labrelay_held_ordering_keys{reason="HEAD_UNKNOWN"} 2',
      'labrelay_held_ordering_keys{reason="HEAD_REFUSED"} 1',
      'labrelay_overdue_deliveries 6',
      'labrelay_store_writable 0',
      'labrelay_spill_waiting 9',
      'labrelay_spill_records_total{kind="SETTLEMENT"} 11',
      'labrelay_spill_records_total{kind="CALL"} 3',
      'labrelay_spill_full_total 2',
      'labrelay_ordering_holds_expired_total 7',
      'labrelay_delivery_slots 64',
      'labrelay_outside_tasks{state="ready"} 9',
      'labrelay_outside_tasks{state="leased"} 9',
      'labrelay_outside_tasks{state="started"} 10',
      'labrelay_attempts_total{outcome="SUCCESS",certainty="ACCEPTED",error_kind="NONE"} 5',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toMatch(/^labrelay_oldest_task_age_seconds 6\d/m);
    expect(text).toContain('process_resident_memory_bytes');
  });

  it('counts what the engine counts once, however often it is scraped', async () => {
    await fetch(`${served.url}/metrics`);
    const text = await (await fetch(`${served.url}/metrics`)).text();
    expect(text).toContain('error_kind="NONE"} 5');
  });

  it('tells of nobody: neither labs nor patients', async () => {
    await served.post('/billing/', BILL);
    const text = await (await fetch(`${served.url}/metrics`)).text();
    expect(text).not.toMatch(/Asha|Verma|P1|lab_id/);
  });
});

interface OpenApi {
  openapi: string;
  info: { version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
}

interface Operation {
  operationId?: string;
  summary?: string;
  security?: Record<string, unknown>[];
  requestBody?: { content: Record<string, { schema: Record<string, unknown> }> };
  responses: Record<string, { description?: string; headers?: object; content?: object }>;
}

describe('GET /openapi.json', () => {
  let document: OpenApi;
  beforeAll(async () => {
    document = (await (await fetch(`${served.url}/openapi.json`)).json()) as OpenApi;
  });

  it('is OpenAPI 3.1', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(document.info.version).toBe('1.2.3');
  });

  it('has every event route, the callback and monitoring', () => {
    for (const route of [...Object.keys(eventRoutes), '/integration_callback/']) {
      expect(document.paths[route]?.['post']?.requestBody).toBeDefined();
    }
    for (const route of ['/health', '/metrics', '/openapi.json']) {
      expect(document.paths[route]?.['get']).toBeDefined();
    }
  });

  it('says of each answer of a captured route, and of no other, under which id the call is found', () => {
    const captured = new Set([...Object.keys(eventRoutes), '/integrationWebhookBulkAPI/']);
    for (const [path, methods] of Object.entries(document.paths)) {
      const answers = Object.values(methods).flatMap(({ responses }) => Object.values(responses));
      for (const { headers = {}, content } of answers) {
        expect('labrelay-log-id' in headers).toBe(captured.has(path));
        if (captured.has(path)) expect(content).toBeDefined();
      }
    }
  });

  it.each(Object.keys(contract) as ProcedureName[])('has the procedure %s', (name) => {
    const operation = document.paths[procedurePath(name)]?.['post'];
    expect(operation?.operationId).toBe(name);
    expect(operation?.summary).toBe(contract[name].summary);
    expect(operation?.security).toEqual([{ bearer: [] }, { api_key: [] }, { session: [] }]);
    expect(operation?.requestBody?.content['application/json']?.schema['type']).toBe('object');
    expect(Object.keys(operation?.responses ?? {}).sort()).toEqual(['200', 'default']);
  });

  it('names each operation once, describes each answer and resolves each reference', () => {
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).not.toContain(undefined);
    for (const { responses } of operations) {
      expect(Object.keys(responses).length).toBeGreaterThan(0);
      for (const { description } of Object.values(responses)) expect(description).toBeTruthy();
    }
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(
      ([, to]) => to,
    );
    expect(references.length).toBeGreaterThan(0);
    for (const reference of new Set(references)) {
      const name = /^#\/components\/schemas\/(.+)$/.exec(reference ?? '')?.[1] ?? '';
      expect(document.components.schemas).toHaveProperty([name]);
    }
    for (const operation of operations) {
      for (const scheme of (operation.security ?? []).flatMap((one) => Object.keys(one))) {
        expect(document.components.securitySchemes).toHaveProperty([scheme]);
      }
    }
  });

  it('holds no zod leftovers', () => {
    expect(JSON.stringify(document)).not.toMatch(/_zod|~standard|\$defs/);
  });
});

describe('GET /docs', () => {
  it('is a page that works without https and allows no foreign content', async () => {
    const page = await fetch(`${served.url}/docs`);
    expect(page.status).toBe(200);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('upgrade-insecure-requests');
    expect(policy).not.toContain('https:');
    const html = await page.text();
    for (const [, source] of html.matchAll(/<script src="([^"]+)"/g)) {
      const script = await fetch(new URL(source ?? '', `${served.url}/docs`));
      expect(script.status).toBe(200);
    }
  });
});
