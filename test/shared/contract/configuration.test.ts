import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseInput } from '../../../src/shared/contract/common.ts';
import { configurationProcedures } from '../../../src/shared/contract/configuration.ts';
import { LabRelayError } from '../../../src/shared/errors.ts';

const rule = {
  lab_id: 1,
  action_category_list_id: 1,
  name: 'Bills',
  end_point: 'https://partner.example/bills?site=7',
};

/** The field errors that an input is refused with. */
function refusals(procedure: keyof typeof configurationProcedures, input: unknown) {
  try {
    parseInput(configurationProcedures[procedure].input, input);
  } catch (error) {
    if (error instanceof LabRelayError) return error.errors;
    throw error;
  }
  return [];
}

describe('addUpdateWebhookIntegration input', () => {
  test('takes every field of interface.md', () => {
    const whole = {
      ...rule,
      lab_integration_id: 4,
      developer_authentication_id: 2,
      transport: 'http',
      method: 'PUT',
      headers: { 'X-Site': 'seven', accept: 'application/json' },
      mapping: '{"id": bill.bill_id}',
      response_schema: { type: 'object' },
      is_active: true,
      is_retry_enabled: false,
      retry_policy: {
        schedule: [5_000],
        jitter: 0,
        retry_5xx: false,
        overrides: { '409': 'ACCEPTED' },
        quiet_hours: ['* 22 * * *'],
      },
      receiver_deduplicates: true,
      ordering_key: 'bill.bill_id',
      on_refused: 'hold',
      on_unknown: 'skip',
      max_concurrency: 2,
      rate_per_minute: 60,
      timeout_ms: 10_000,
      signing: true,
      executor: 'local',
      integrationExtraDetails: { tls: { server_name: 'partner.example' }, connect_timeout_ms: 900 },
      expected_version: 3,
    };
    expect(parseInput(configurationProcedures.addUpdateWebhookIntegration.input, whole)).toEqual(
      whole,
    );
  });

  test('leaves out what the caller left out, so that an update resets nothing', () => {
    expect(
      parseInput(configurationProcedures.addUpdateWebhookIntegration.input, {
        lab_integration_id: 4,
        is_active: false,
      }),
    ).toEqual({ lab_integration_id: 4, is_active: false });
  });

  test('shows the defaults in its JSON Schema', () => {
    const schema = z.toJSONSchema(configurationProcedures.addUpdateWebhookIntegration.input, {
      io: 'input',
    });
    expect(schema.properties).toMatchObject({
      method: { default: 'POST' },
      max_concurrency: { default: 8 },
      timeout_ms: { default: 30_000 },
      receiver_deduplicates: { default: false },
    });
  });

  test.each([
    ['a field it does not know', { colour: 'red' }, 'colour', /remove it/],
    ['transport hl7', { transport: 'hl7' }, 'transport', /later version of LabRelay; use http/],
    ['an executor there is not', { executor: 'cloud' }, 'executor', /local .* or external/],
    [
      'a callback address',
      { integration_callback_url: 'http://evil.example' },
      'integration_callback_url',
      /LabRelay's own handler; remove the field/,
    ],
    [
      'a callback address in the extra details',
      { integrationExtraDetails: { integration_callback_url: 'http://evil.example' } },
      'integrationExtraDetails.integration_callback_url',
      /remove the field/,
    ],
    [
      'an unknown extra detail',
      { integrationExtraDetails: { host: 'mirth' } },
      'integrationExtraDetails.host',
      /remove it/,
    ],
    ['no concurrency', { max_concurrency: 0 }, 'max_concurrency', /from 1 to 1000/],
    ['an endless time-out', { timeout_ms: 3_600_000 }, 'timeout_ms', /from 100 to 600000/],
    ['an empty mapping', { mapping: '  ' }, 'mapping', /null for the default shape/],
    ['too long a mapping', { mapping: 'x'.repeat(65_537) }, 'mapping', /at most 65536/],
    ['a name of two lines', { name: 'a\nb' }, 'name', /control characters/],
    [
      'an override that is no status',
      { retry_policy: { overrides: { '99': 'ACCEPTED' } } },
      'retry_policy.overrides.99',
      /status code/,
    ],
    ['jitter above 1', { retry_policy: { jitter: 1.5 } }, 'retry_policy.jitter', /from 0 to 1/],
    [
      'a wait of a month',
      { retry_policy: { schedule: [2_592_000_000] } },
      'retry_policy.schedule.0',
      /from 1000 to 604800000/,
    ],
    [
      'an address as TLS name',
      { integrationExtraDetails: { tls: { server_name: '10.0.0.1' } } },
      'integrationExtraDetails.tls.server_name',
      /host name, not an address/,
    ],
  ])('refuses %s, naming field and cure', (_, change, field, reason) => {
    const found = refusals('addUpdateWebhookIntegration', { ...rule, ...change });
    expect(found).toEqual([{ field, reason: expect.stringMatching(reason) }]);
  });

  test.each([
    ['ftp://partner.example/x', /http or https/],
    ['file:///etc/passwd', /http or https/],
    ['partner.example/x', /absolute URL/],
    ['/relative', /absolute URL/],
    ['http:partner.example', /absolute URL/],
    ['http:\\\\partner.example', /absolute URL/],
    ['https://user:secret@partner.example/', /developer authentication/],
    ['https://@partner.example/', /developer authentication/],
    ['https://partner.example/#top', /fragment/],
    ['https://partner.example/#', /fragment/],
    ['https://partner.example/a b', /spaces/],
    ['https://partner.example/?site=7&Token=abc', /\(Token\); use a developer authentication/],
    ['https://partner.example/?api%5Fkey=abc', /\(api_key\); use a developer authentication/],
    ['https://partner.example/\r\nx', /control characters/],
  ])('refuses the end point %s', (end_point, reason) => {
    const [found] = refusals('addUpdateWebhookIntegration', { ...rule, end_point });
    expect(found).toEqual({ field: 'end_point', reason: expect.stringMatching(reason) });
  });

  test('refuses an end point of more than 2000 characters', () => {
    const end_point = `https://partner.example/${'x'.repeat(2_000)}`;
    expect(refusals('addUpdateWebhookIntegration', { ...rule, end_point })).toEqual([
      { field: 'end_point', reason: 'must have at most 2000 characters' },
    ]);
  });

  test.each([
    'http://127.0.0.1:7421/bills',
    'http://[::1]:80/',
    'https://partner.example/a?b=user@example.org',
    'https://partner.example/a?keyword=x&monkey=1&site=api_key',
  ])('takes the end point %s', (end_point) => {
    expect(refusals('addUpdateWebhookIntegration', { ...rule, end_point })).toEqual([]);
  });

  test.each([
    ['Host', 'x', /LabRelay itself/],
    ['content-length', '5', /LabRelay itself/],
    ['Connection', 'close', /LabRelay itself/],
    ['Transfer-Encoding', 'chunked', /LabRelay itself/],
    ['webhook-signature', 'v1,x', /LabRelay itself/],
    ['X-LabRelay-Test', 'true', /LabRelay itself/],
    ['Authorization', 'Bearer x', /developer authentication/],
    ['Cookie', 'a=b', /developer authentication/],
    ['x-api-key', 'k', /developer authentication/],
    ['X-Secret-Thing', 'k', /developer authentication/],
    ['Ocp-Apim-Subscription-Key', 'k', /developer authentication/],
    ['x-amz-security-token', 'k', /developer authentication/],
    ['integration-callback-url', 'http://evil.example', /own handler/],
    ['X Site', '7', /not a header name/],
    ['X-Site:', '7', /not a header name/],
    ['X-Site', 'a\r\nHost: evil', /one line/],
    ['X-Site', 'ä', /ASCII/],
  ])('refuses the header %s: %s', (name, value, reason) => {
    const found = refusals('addUpdateWebhookIntegration', { ...rule, headers: { [name]: value } });
    expect(found).toEqual([{ field: `headers.${name}`, reason: expect.stringMatching(reason) }]);
  });

  test('refuses one header in two spellings', () => {
    const headers = { 'X-Site': '7', 'x-site': '8' };
    expect(refusals('addUpdateWebhookIntegration', { ...rule, headers })).toEqual([
      { field: 'headers.x-site', reason: expect.stringMatching(/twice/) },
    ]);
  });
});

describe('addUpdateDeveloperAuthentication input', () => {
  test('takes every kind, and no other', () => {
    for (const kind of ['none', 'basic', 'bearer', 'api_key', 'oauth2', 'mtls']) {
      expect(refusals('addUpdateDeveloperAuthentication', { lab_id: 1, name: 'P', kind })).toEqual(
        [],
      );
    }
    const input = { lab_id: 1, name: 'P', kind: 'kerberos' };
    expect(refusals('addUpdateDeveloperAuthentication', input)).toEqual([
      { field: 'kind', reason: 'must be one of none, basic, bearer, api_key, oauth2, mtls' },
    ]);
  });

  test.each([
    ['token_url', 'idp.example/token', /absolute URL/],
    ['token_url', 'https://user:pass@idp.example/token', /developer authentication/],
    ['client_authentication', 'jwt', /must be basic or body/],
    ['signing_overlap_hours', 721, /from 0 to 720/],
    ['signing_overlap_hours', -1, /from 0 to 720/],
    ['certificate', '', /PEM/],
    ['private_key', '', /leave the field out to keep/],
  ])('refuses %s %s, naming the cure', (key, value, reason) => {
    const input = { lab_id: 1, name: 'P', kind: 'oauth2', keys: { [key]: value } };
    expect(refusals('addUpdateDeveloperAuthentication', input)).toEqual([
      { field: `keys.${key}`, reason: expect.stringMatching(reason) },
    ]);
  });

  test('refuses an empty secret instead of storing none', () => {
    const input = { lab_id: 1, name: 'P', kind: 'bearer', keys: { token: '' } };
    expect(refusals('addUpdateDeveloperAuthentication', input)).toEqual([
      { field: 'keys.token', reason: expect.stringMatching(/leave the field out to keep/) },
    ]);
  });
});

describe('labs, categories and keys', () => {
  test('a time zone is an IANA name', () => {
    expect(refusals('addUpdateLab', { lab_id: 1, time_zone: 'Mars/Olympus' })).toEqual([
      { field: 'time_zone', reason: expect.stringMatching(/Asia\/Kolkata/) },
    ]);
    expect(refusals('addUpdateLab', { lab_id: 1, time_zone: 'Asia/Kolkata' })).toEqual([]);
  });

  test('a category code is in capitals', () => {
    expect(refusals('addUpdateActionCategory', { code: 'home visit', name: 'x' })).toEqual([
      { field: 'code', reason: expect.stringMatching(/HOME_VISIT_BOOKED/) },
    ]);
  });

  test('a key is limited to routes that exist', () => {
    const input = { kind: 'inbound', name: 'LIS', routes: ['/bills/'] };
    expect(refusals('createAccessKey', input)).toEqual([
      { field: 'routes.0', reason: expect.stringMatching(/\/billing\//) },
    ]);
  });
});

test.each(Object.entries(configurationProcedures))(
  '%s can be described in OpenAPI',
  (_, procedure) => {
    expect(() => z.toJSONSchema(procedure.input, { io: 'input' })).not.toThrow();
    expect(() => z.toJSONSchema(procedure.output)).not.toThrow();
  },
);
