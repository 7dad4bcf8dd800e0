import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import {
  type CallbackReport,
  callbackAnswer,
  callbackReport,
} from '../../shared/contract/callback.ts';
import type { KeyGate } from './keys.ts';
import type { RouteMetrics } from './metrics.ts';
import { limitByKey } from './rate-limits.ts';

/** What the callback route needs of the engine. */
export interface ReportTaker {
  /**
   * Applies a report by the log's state machine; repeats change nothing.
   * @param reporter name of the access key that it came with; null: our own worker
   * @throws LabRelayError `UNKNOWN_LOG`
   */
  handle(
    report: CallbackReport,
    reporter: string | null,
  ): Promise<{ log_id: string; changed: boolean }>;
}

/** The path that `integration_callback_url` ends in. */
export const CALLBACK_PATH = '/integration_callback/';

/** Where outside workers, Mirth channels and our own worker over HTTP report to. */
export async function callbackRoutes(
  scope: FastifyInstance,
  parts: {
    callback: ReportTaker;
    gate: KeyGate;
    metrics: RouteMetrics;
    perMinute: () => number;
  },
): Promise<void> {
  // Our own worker reports once for each of its deliveries: what limits those limits its reports.
  await limitByKey(scope, parts.perMinute, (request) => reporterOf(request) === null);
  scope.withTypeProvider<ZodTypeProvider>().post(CALLBACK_PATH, {
    schema: {
      operationId: 'post_integration_callback',
      summary: 'Reports the outcome or the stage of a delivery; repeats change nothing',
      tags: ['callbacks'],
      security: [{ internal_token: [] }],
      body: callbackReport,
      response: { 200: callbackAnswer },
    },
    onRequest: parts.gate.internal(),
    handler: async (request) => {
      try {
        const answer = await parts.callback.handle(request.body, reporterOf(request));
        parts.metrics.callback(answer.changed ? 'changed' : 'unchanged');
        return answer;
      } catch (error) {
        parts.metrics.callback('refused');
        throw error;
      }
    },
  });
}

/** Whose report it is: this start's own token, which our own worker uses, belongs to no key. */
function reporterOf(request: FastifyRequest): string | null {
  return request.accessKey?.name ?? null;
}
