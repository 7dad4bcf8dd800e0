import { LabRelayError } from '../../../shared/errors.ts';
import type { Handlers } from '../handler.ts';

/** Handlers of the procedures by which a person retries one log. */
export function retryHandlers(): Handlers<'previewRetry' | 'retryIntegration' | 'cancelRetry'> {
  const notYet = async (): Promise<never> => {
    throw new LabRelayError('NOT_FOUND', 'Retries by hand are not here yet.');
  };
  return { previewRetry: notYet, retryIntegration: notYet, cancelRetry: notYet };
}
