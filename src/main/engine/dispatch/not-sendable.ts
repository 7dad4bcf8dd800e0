import type { ErrorKind } from '../../../shared/model/vocabulary.ts';

/** Why an attempt cannot be made; told to operators. Nothing was sent to the partner. */
export class NotSendable extends Error {
  readonly kind: ErrorKind;

  /** @param kind `CONFIGURATION` where every delivery of the rule meets the same until the configuration
   *   is changed, `PAYLOAD` where it is this message's own fault */
  constructor(message: string, kind: ErrorKind = 'CONFIGURATION') {
    super(message);
    this.kind = kind;
  }
}
