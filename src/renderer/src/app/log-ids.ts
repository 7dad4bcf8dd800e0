/** Whether the text can be looked for: at least six characters that a log_id may have. */
export function isSearchable(text: string): boolean {
  return /^[0-9a-f-]{6,36}$/i.test(text);
}

/** Whether the text is a whole log_id. */
export function isWholeLogId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}
