import { fieldError } from '../../shared/errors.ts';

/**
 * The number that a listing's cursor stands for.
 * @throws LabRelayError `INVALID_INPUT` for a cursor that no listing answered
 */
export function numberOfCursor(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw fieldError(
    'INVALID_INPUT',
    'cursor',
    'is not one that this listing answered; leave it out to start from the newest',
  );
}
