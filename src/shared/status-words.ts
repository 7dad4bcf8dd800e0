const STATUS_WORDS =
  /^(ok|okay|success|successful|succeeded|accepted|received|created|updated|queued|pending|processed|processing|done|completed|fail|failed|failure|error|rejected|refused|denied|invalid|duplicate|timeout|booked|confirmed|cancelled|unauthorized|forbidden|not_found|true|false|#NOTFORDASHBOARD)$/i;

/** Whether a text is a word by which programs tell how a call went, and so nobody's data. */
export function isStatusWord(text: string): boolean {
  return STATUS_WORDS.test(text);
}
