import type { IntegrationSettings } from './configuration.ts';

/** What a new rule gets for every field that its author leaves out. */
export const NEW_INTEGRATION: Omit<
  IntegrationSettings,
  'labId' | 'organizationId' | 'actionCategoryListId' | 'name' | 'endPoint'
> = {
  developerAuthenticationId: null,
  transport: 'http',
  method: 'POST',
  headers: {},
  mapping: null,
  responseSchema: null,
  isActive: true,
  isRetryEnabled: true,
  retryPolicy: {
    // 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 5 h, 10 h
    schedule: [5_000, 30_000, 120_000, 600_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000],
    jitter: 0.2,
    retry5xx: true,
    overrides: {},
    quietHours: [],
  },
  receiverDeduplicates: false,
  orderingKey: null,
  onRefused: 'skip',
  onUnknown: 'hold',
  maxConcurrency: 8,
  ratePerMinute: null,
  timeoutMs: 30_000,
  signing: false,
  executor: 'local',
  integrationExtraDetails: {},
};
