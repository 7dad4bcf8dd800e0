import { z } from 'zod';
import { NEW_INTEGRATION } from '../../model/integration-defaults.ts';
import { CERTAINTIES, HTTP_METHODS, TRANSPORTS } from '../../model/vocabulary.ts';
import { id, isoTime } from '../common.ts';
import { waitingChoice } from '../held.ts';
import { procedure } from '../procedure.ts';
import {
  checkData,
  expectedVersion,
  flag,
  line,
  noCallbackUrl,
  ownerFields,
  preset,
  whole,
} from './fields.ts';
import { endPoint, headers } from './http-fields.ts';

/** A week: the longest wait between two attempts that a schedule may hold. */
const LONGEST_WAIT_MS = 7 * 24 * 3_600_000;

const later = 'comes with a later version of LabRelay';

/** Longest JSONata mapping, in characters. */
const LONGEST_MAPPING = 65_536;

export const mappingText = z
  .string({ error: 'must be a JSONata expression' })
  .max(LONGEST_MAPPING, { error: `must have at most ${LONGEST_MAPPING} characters` })
  .refine((text) => text.trim() !== '', {
    error: 'must not be empty; send null for the default shape of the category',
  });

const retryPolicyInput = z.strictObject({
  /** Waits between attempts, in milliseconds. */
  schedule: preset(
    z.array(whole(1_000, LONGEST_WAIT_MS)).max(20, { error: 'must not have more than 20 waits' }),
    NEW_INTEGRATION.retryPolicy.schedule,
  ),
  jitter: preset(
    z
      .number({ error: 'must be a number from 0 to 1' })
      .min(0, { error: 'must be a number from 0 to 1' })
      .max(1, { error: 'must be a number from 0 to 1' }),
    NEW_INTEGRATION.retryPolicy.jitter,
  ),
  retry_5xx: preset(flag, NEW_INTEGRATION.retryPolicy.retry5xx),
  /** What the partner means by a status code, where it differs from the general rule. */
  overrides: preset(
    z.record(
      z.string().regex(/^[2-5]\d\d$/),
      z.enum(CERTAINTIES, { error: `must be one of ${CERTAINTIES.join(', ')}` }),
      {
        error: (issue) =>
          issue.code === 'invalid_key'
            ? 'must be a status code from 200 to 599'
            : 'must be an object of certainties by status code',
      },
    ),
    NEW_INTEGRATION.retryPolicy.overrides,
  ),
  /** Cron expressions of minutes in which no retry starts, in the lab's time zone. */
  quiet_hours: preset(
    z.array(line(100)).max(20, { error: 'must not be more than 20 expressions' }),
    NEW_INTEGRATION.retryPolicy.quietHours,
  ),
});

/** Transport settings of an `http` rule. */
const httpExtraDetails = z.strictObject({
  tls: z
    .strictObject({
      /** PEM certificates that are trusted beside the system's own. */
      ca: z
        .string({ error: 'must be PEM certificates' })
        .max(200_000, { error: 'must have at most 200000 characters' })
        .optional(),
      /** Name to ask for (SNI) and to check the certificate against. */
      server_name: z
        .string({ error: 'must be a host name' })
        .regex(
          /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i,
          {
            error: 'must be a host name',
          },
        )
        .refine((name) => !/^[\d.]+$/.test(name), { error: 'must be a host name, not an address' })
        .optional(),
      integration_callback_url: noCallbackUrl,
    })
    .optional(),
  connect_timeout_ms: whole(100, 60_000).optional(),
  /** Addresses, ranges (`10.2.0.0/16`) and host names; given, nothing else is connected to. */
  allowed_targets: z
    .array(line(300), { error: 'must be a list of addresses, ranges and host names' })
    .min(1, { error: 'must not be empty; leave it out to allow every usual target' })
    .max(100, { error: 'must not be more than 100 entries' })
    .optional(),
  integration_callback_url: noCallbackUrl,
});

const webhookIntegrationInput = z.strictObject({
  lab_integration_id: id.optional(),
  ...ownerFields,
  action_category_list_id: id.optional(),
  developer_authentication_id: id.nullish(),
  name: line(200).optional(),
  transport: preset(
    z
      .enum(TRANSPORTS, { error: 'must be http' })
      .refine((value) => value !== 'hl7', { error: `hl7 ${later}; use http` }),
    NEW_INTEGRATION.transport,
  ),
  end_point: endPoint.optional(),
  method: preset(
    z.enum(HTTP_METHODS, { error: `must be one of ${HTTP_METHODS.join(', ')}` }),
    NEW_INTEGRATION.method,
  ),
  headers: preset(headers, NEW_INTEGRATION.headers),
  /** JSONata; null sends the category's default shape. */
  mapping: preset(mappingText.nullable(), NEW_INTEGRATION.mapping),
  /** An event's data on which the expressions are tried; left out, the category's sample. Not kept. */
  check_data: checkData.optional(),
  response_schema: preset(
    z.record(z.string(), z.json(), { error: 'must be a JSON Schema object' }).nullable(),
    NEW_INTEGRATION.responseSchema,
  ),
  is_active: preset(flag, NEW_INTEGRATION.isActive),
  is_retry_enabled: preset(flag, NEW_INTEGRATION.isRetryEnabled),
  retry_policy: retryPolicyInput.optional(),
  receiver_deduplicates: preset(flag, NEW_INTEGRATION.receiverDeduplicates),
  ordering_key: preset(
    z
      .string({ error: 'must be a JSONata expression' })
      .max(2_000, { error: 'must have at most 2000 characters' })
      .refine((text) => text.trim() !== '', { error: 'must not be empty; send null for none' })
      .nullable(),
    NEW_INTEGRATION.orderingKey,
  ),
  on_refused: preset(
    z.enum(['skip', 'hold'], { error: 'must be skip or hold' }),
    NEW_INTEGRATION.onRefused,
  ),
  on_unknown: preset(
    z.enum(['hold', 'skip'], { error: 'must be hold or skip' }),
    NEW_INTEGRATION.onUnknown,
  ),
  max_concurrency: preset(whole(1, 1_000), NEW_INTEGRATION.maxConcurrency),
  rate_per_minute: preset(whole(1, 1_000_000).nullable(), NEW_INTEGRATION.ratePerMinute),
  /** The whole call, connecting included. */
  timeout_ms: preset(whole(100, 600_000), NEW_INTEGRATION.timeoutMs),
  /** Standard Webhooks headers, signed with the authentication's `signing_secret`. */
  signing: preset(flag, NEW_INTEGRATION.signing),
  executor: preset(
    z.enum(['local', 'external'], {
      error: 'must be local (LabRelay makes the calls) or external (an outside worker does)',
    }),
    NEW_INTEGRATION.executor,
  ),
  integrationExtraDetails: preset(httpExtraDetails, NEW_INTEGRATION.integrationExtraDetails),
  integration_callback_url: noCallbackUrl,
  expected_version: expectedVersion,
  /** What is to become of held deliveries, where this enables the integration. */
  waiting: waitingChoice.optional(),
});

/** What is versioned of an integration. */
export const integrationSettingsDocument = z.object({
  lab_id: z.int().nullable(),
  organization_id: z.int().nullable(),
  action_category_list_id: z.int(),
  action_category: z.string(),
  developer_authentication_id: z.int().nullable(),
  name: z.string(),
  transport: z.enum(TRANSPORTS),
  end_point: z.string(),
  method: z.enum(HTTP_METHODS),
  headers: z.record(z.string(), z.string()),
  mapping: z.string().nullable(),
  response_schema: z.record(z.string(), z.json()).nullable(),
  is_active: z.boolean(),
  is_retry_enabled: z.boolean(),
  retry_policy: z.object({
    schedule: z.array(z.int()),
    jitter: z.number(),
    retry_5xx: z.boolean(),
    overrides: z.record(z.string(), z.enum(CERTAINTIES)),
    quiet_hours: z.array(z.string()),
  }),
  receiver_deduplicates: z.boolean(),
  ordering_key: z.string().nullable(),
  on_refused: z.enum(['skip', 'hold']),
  on_unknown: z.enum(['hold', 'skip']),
  max_concurrency: z.int(),
  rate_per_minute: z.int().nullable(),
  timeout_ms: z.int(),
  signing: z.boolean(),
  executor: z.enum(['local', 'external']),
  integrationExtraDetails: z.record(z.string(), z.json()),
});

const labIntegrationDocument = integrationSettingsDocument.extend({
  lab_integration_id: z.int(),
  version: z.int(),
  created_at: isoTime,
  updated_at: isoTime,
});

/** A saved rule, with what its author should know about it. */
export const savedIntegrationDocument = labIntegrationDocument.extend({
  notices: z.array(z.string()),
});

export type WebhookIntegrationInput = z.output<typeof webhookIntegrationInput>;
export type IntegrationSettingsDocument = z.output<typeof integrationSettingsDocument>;
export type LabIntegrationDocument = z.output<typeof labIntegrationDocument>;

export const integrationProcedures = {
  listLabIntegrations: procedure({
    summary:
      'Integrations by id, all given filters must hold; lab_id finds those that apply to the lab, its organization’s among them',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({
      developer_authentication_id: id.optional(),
      lab_id: id.optional(),
      organization_id: id.optional(),
      action_category_list_id: id.optional(),
      is_active: flag.optional(),
    }),
    output: z.object({ items: z.array(labIntegrationDocument) }),
  }),
  addUpdateWebhookIntegration: procedure({
    summary: 'Adds an integration, or makes a new version of one; fields left out stay as they are',
    role: 'admin',
    audit: 'change',
    input: webhookIntegrationInput,
    output: savedIntegrationDocument,
  }),
  setIntegrationEnabled: procedure({
    summary:
      'Enables or soft-disables an integration; a disabled one stays, sends nothing and holds what waits',
    role: 'operator',
    audit: 'change',
    input: z.strictObject({
      lab_integration_id: id,
      is_active: flag,
      expected_version: expectedVersion,
      /** What is to become of held deliveries; needed to enable an integration that has any. */
      waiting: waitingChoice.optional(),
    }),
    output: savedIntegrationDocument,
  }),
};
