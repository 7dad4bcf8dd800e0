import type { ErrorKind } from '../../../shared/model/vocabulary.ts';

/** Why an attempt cannot be made; told to operators. Nothing was sent to the partner. */
export class NotSendable extends Error {
  readonly kind: ErrorKind;

  /** @param kind `CONFIGURATION` where only a change of the configuration helps */
  constructor(message: string, kind: ErrorKind = 'CONFIGURATION') {
    super(message);
    this.kind = kind;
  }
}
