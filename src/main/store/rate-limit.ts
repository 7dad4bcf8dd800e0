import type { Database } from 'better-sqlite3';

/**
 * A bucket is refilled a twentieth slower than its rate. So one that starts full keeps within the
 * rate over any minute as well, and a partner that takes one call a second does not meet the next
 * one a few milliseconds early because the last took longer on its way.
 */
const REFILL = 0.95;

/** One second's worth, so that a partner that takes one call a second gets one at a time. */
const CAPACITY = 'max(1.0, i.rate_per_minute / 60.0)';

/**
 * What is in the bucket of `lab_integration i` (with `integration_state s`, where it has one) at
 * `@now`. Without a sign, since a clock that was set back must not hold an integration for ever.
 */
const TOKENS = `min(${CAPACITY}, coalesce(s.tokens, ${CAPACITY})
  + abs(@now - coalesce(s.refilled_at, @now)) * i.rate_per_minute * ${REFILL} / 60000.0)`;

/**
 * Tokens are reserved by a claim and spent by the stamp: what waits in memory for a slot keeps
 * its token, and the bucket is counted from the moment at which bytes may leave. The reservation is
 * the claim itself, so neither a crash nor a release ever loses a token.
 */
const RESERVED = `(SELECT count(*) FROM task u WHERE u.state = 'CLAIMED'
  AND u.lab_integration_id = i.lab_integration_id AND u.stamped_at IS NULL)`;

/** Tasks of `lab_integration i` that may be claimed for its rate; for one that has a rate. */
export const FREE_TOKENS = `CAST(${TOKENS} + 1e-9 AS INTEGER) - ${RESERVED}`;

/**
 * When the next token of any integration with waiting tasks is due; null: no task waits for one. Outside
 * workers ask by themselves.
 */
export const NEXT_TOKEN = `
SELECT min(@now + (1 - (${TOKENS} - ${RESERVED})) * 60000.0 / (i.rate_per_minute * ${REFILL}))
FROM lab_integration i INDEXED BY lab_integration_limited
LEFT JOIN integration_state s ON s.lab_integration_id = i.lab_integration_id
WHERE i.rate_per_minute IS NOT NULL AND i.is_active = 1 AND i.executor = 'local'
  AND s.waiting_action IS NULL AND s.opened_at IS NULL
  AND EXISTS (SELECT 1 FROM task t WHERE t.state = 'READY'
    AND t.lab_integration_id = i.lab_integration_id)
  AND ${FREE_TOKENS} < 1`;

const SPEND = `
INSERT INTO integration_state (lab_integration_id, tokens, refilled_at)
SELECT i.lab_integration_id, ${TOKENS} - 1, @now
FROM lab_integration i LEFT JOIN integration_state s ON s.lab_integration_id = i.lab_integration_id
WHERE i.lab_integration_id = @integration
ON CONFLICT (lab_integration_id) DO UPDATE
  SET tokens = excluded.tokens, refilled_at = excluded.refilled_at`;

/** The token buckets of rate-limited integrations. */
export function createRateLimit(db: Database) {
  const spend = db.prepare<[{ integration: number; now: number }]>(SPEND);
  const next = db.prepare<[{ now: number }], number | null>(NEXT_TOKEN).pluck();
  return {
    /** Takes the token that a stamped task was claimed with. */
    spend(integration: number, now: number): void {
      spend.run({ integration, now });
    },

    /** Epoch milliseconds; null where no task waits for a token. */
    nextTokenAt(now: number): number | null {
      const at = next.get({ now }) ?? null;
      return at === null ? null : Math.ceil(at);
    },
  };
}
