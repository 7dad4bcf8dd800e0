/** A person's browser session. The cookie's value is kept as its hash. Times are epoch milliseconds. */
export interface Session {
  sessionId: number;
  accessKeyId: number;
  /** Lower-case hex SHA-256 of the cookie's value, which has 256 random bits. */
  hash: string;
  /** Where it was opened from. */
  address: string | null;
  createdAt: number;
  lastUsedAt: number;
  /** When it ends, however much it is used. */
  expiresAt: number;
}
