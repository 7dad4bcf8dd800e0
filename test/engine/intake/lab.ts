import { NEW_INTEGRATION } from '../../../src/shared/model/integration-defaults.ts';
import type { ConfigurationLookup } from '../../../src/main/engine/configuration/lookup.ts';
import { FirstSight } from '../../../src/main/engine/intake/first-sight.ts';
import { KeyedQueue } from '../../../src/main/engine/intake/keyed-queue.ts';
import { Intake, type IntakeDependencies } from '../../../src/main/engine/intake/intake.ts';
import { PayloadBuilder } from '../../../src/main/engine/payload/builder.ts';
import type {
  MappingEvaluator,
  MappingResult,
} from '../../../src/main/engine/payload/evaluator.ts';
import { BUILT_IN_TRIGGERS } from '../../../src/main/engine/triggers/index.ts';
import {
  type ActionCategory,
  DEFAULT_SETTINGS,
  type Lab,
  type LabIntegration,
} from '../../../src/shared/model/configuration.ts';
import { MemoryIntakeStore } from './memory-store.ts';

export const NOW = Date.parse('2026-11-23T08:30:00.000Z');

/** A rule as the configuration room would hold it. */
export function rule(actionCategoryListId: number, values: Partial<LabIntegration> = {}) {
  const integration: LabIntegration = {
    ...NEW_INTEGRATION,
    labIntegrationId: 41,
    labId: 7,
    organizationId: null,
    actionCategoryListId,
    name: 'rule',
    endPoint: 'http://partner.example/hook',
    retryPolicy: { ...NEW_INTEGRATION.retryPolicy, schedule: [], jitter: 0 },
    version: 3,
    createdAt: 0,
    updatedAt: 0,
    ...values,
  };
  return integration;
}

const categories: ActionCategory[] = [
  ...BUILT_IN_TRIGGERS.map(({ code }, index) => ({
    actionCategoryListId: index + 1,
    code,
    name: code,
    isBuiltIn: true,
    isActive: true,
  })),
  { actionCategoryListId: 1000, code: 'OWN', name: 'own', isBuiltIn: false, isActive: true },
  { actionCategoryListId: 1001, code: 'OFF', name: 'off', isBuiltIn: false, isActive: false },
];

export function idOfCategory(code: string): number {
  const category = categories.find((one) => one.code === code);
  if (!category) throw new Error(`no category ${code}`);
  return category.actionCategoryListId;
}

const labs: Lab[] = [
  {
    labId: 7,
    name: 'seven',
    organizationId: 70,
    timeZone: 'Asia/Kolkata',
    isActive: true,
    domainSource: null,
  },
  {
    labId: 8,
    name: 'eight',
    organizationId: null,
    timeZone: 'UTC',
    isActive: false,
    domainSource: null,
  },
];

/** What intake asks of the configuration, answered from these rules. */
export function configurationOf(rules: readonly LabIntegration[]): ConfigurationLookup {
  return {
    lab: (labId) => labs.find((lab) => lab.labId === labId),
    actionCategory: (code) => categories.find((category) => category.code === code),
    actionCategoryById: (id) => categories.find((one) => one.actionCategoryListId === id),
    rulesFor: (_lab, id) => rules.filter((one) => one.actionCategoryListId === id),
    integration: (id) => rules.find((one) => one.labIntegrationId === id),
    authentication: () => undefined,
    openSecrets: () => ({}),
    accessKeyOf: () => undefined,
    settings: DEFAULT_SETTINGS,
  };
}

/** Answers mappings from a table, so that these tests need no child process. */
export function evaluatorOf(results: Record<string, MappingResult>): MappingEvaluator {
  return {
    evaluate: (mapping) => {
      const result = results[mapping];
      return result ? Promise.resolve(result) : Promise.reject(new Error('no such mapping'));
    },
    stop: () => Promise.resolve(),
  };
}

/** An intake over the in-memory store, with what it committed. */
export function intakeWith(
  rules: LabIntegration[],
  mappings: Record<string, MappingResult> = {},
  others: Partial<IntakeDependencies> = {},
) {
  const store = new MemoryIntakeStore();
  const announced: string[] = [];
  const intake = new Intake({
    store,
    configuration: configurationOf(rules),
    payloads: new PayloadBuilder({ evaluator: evaluatorOf(mappings) }),
    clock: () => NOW,
    callbackUrl: () => 'http://127.0.0.1:7420/integration_callback/',
    contended: new KeyedQueue(),
    firstSight: new FirstSight(),
    onCommitted: (logs) => announced.push(...logs.map(({ logId }) => logId)),
    ...others,
  });
  return { intake, store, announced };
}

export const anyone = { accessKeyId: 1, labIds: null, idempotencyKey: null };
