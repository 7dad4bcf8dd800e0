import { describe, expect, test } from 'vitest';
import { renderPreview, renderQueued } from '../../src/main/cli/retry-text.ts';
import type { Output } from '../../src/shared/contract/index.ts';

type Preview = Output<'previewRetry'>;

const LOG = '01a207b0-3fcd-75ba-8244-f71c8121a100';

function aPreview(given: Partial<Preview> = {}): Preview {
  return {
    log_id: LOG,
    masked: true,
    terms: 'FREE',
    obstacle: null,
    obstacle_sentence: null,
    doubts: [],
    last_sent: {
      revision: 1,
      key: LOG,
      sha256: 'a'.repeat(64),
      attempt_id: `${LOG}_a1`,
      content_type: 'application/json',
      body: '{}',
    },
    now: {
      outcome: 'CHANGED',
      revision: 2,
      key: `${LOG}_r2`,
      sha256: 'b'.repeat(64),
      content_type: 'application/json',
      body: '{}',
      made: 'CHANGED',
      objects_from: 'LOCAL',
      fallback: null,
      config_version: 4,
      message: null,
    },
    differences: [
      { path: '/bill/amount', kind: 'CHANGED', before: 100, after: 120 },
      { path: '/bill/code', kind: 'ADDED', before: null, after: 'CBC' },
    ],
    differences_total: 2,
    may_hold: [],
    overtaken_by: null,
    versions: { last_attempt: 3, current: 4 },
    ...given,
  };
}

describe('what would be sent, in words', () => {
  test('has the terms, both revisions with their keys, and a row per difference', () => {
    const text = renderPreview(aPreview());
    expect(text).toContain(`Retry of log ${LOG}`);
    expect(text).toContain('Patient data is masked; --reveal shows it');
    expect(text).toMatch(/terms +FREE: it may be sent as it is/);
    expect(text).toMatch(/sent last +revision 1, key \S+, by attempt \S+_a1/);
    expect(text).toMatch(
      /would send +revision 2 with its own key \S+_r2, built anew under version 4/,
    );
    expect(text).toMatch(/versions +configuration 3 at the last attempt, 4 now/);
    expect(text).toMatch(/\/bill\/amount +CHANGED +100 +120\n/);
    expect(text).toMatch(/\/bill\/code +ADDED +"CBC"\n/);
  });

  test.each([
    ['STORED', 'as it is stored'],
    ['EDITED', 'as you have edited it'],
  ] as const)('says of what a person chose (%s) that it is not built anew', (made, words) => {
    const { now } = aPreview();
    const text = renderPreview(aPreview({ now: { ...now, made, objects_from: null } }));
    expect(text).toContain(`_r2, ${words}\n`);
  });

  test('says what stands against it and what the receiver may hold', () => {
    const sentence = 'The receiver may hold revision 1; what is sent now is another revision.';
    const text = renderPreview(
      aPreview({
        terms: 'REASON',
        doubts: [{ doubt: 'MAY_HOLD', sentence }],
        may_hold: [1],
        overtaken_by: 'log-2',
      }),
    );
    expect(text).toMatch(/terms +REASON: it takes a --reason\n/);
    expect(text).toContain(sentence);
    expect(text).toMatch(/may hold +the receiver may hold revision 1\n/);
    expect(text).toMatch(/overtaken +by log-2/);
  });

  test('says why it cannot be built, and of the same bytes that nothing differs', () => {
    const failed = aPreview({ differences: [], differences_total: 0, terms: 'IMPOSSIBLE' });
    failed.obstacle_sentence = 'The bill is not there any more.';
    failed.now = { ...failed.now, outcome: 'FAILED', message: 'the bill B-1 is gone' };
    expect(renderPreview(failed)).toContain('The bill is not there any more.');
    expect(renderPreview(failed)).toContain(
      'cannot be built under version 4: the bill B-1 is gone',
    );
    expect(renderPreview(failed)).not.toContain('Nothing differs');

    const same = aPreview({ differences: [], differences_total: 0 });
    same.now = { ...same.now, outcome: 'SAME', revision: 1, key: LOG };
    expect(renderPreview(same)).toMatch(/would send +the same bytes, revision 1 under its key/);
    expect(renderPreview(same)).toContain('Nothing differs from what was sent last.');
  });

  test('does not take another spelling for the same bytes, nor what was never sent for sent', () => {
    const spelt = renderPreview(aPreview({ differences: [], differences_total: 0 }));
    expect(spelt).toContain('Only its spelling differs');
    const first = aPreview({ last_sent: null, differences: [], differences_total: 0 });
    first.now = { ...first.now, outcome: 'SAME' };
    expect(renderPreview(first)).not.toContain('differs');
  });

  test('tells that our own copy had to serve, and how many differences are left out', () => {
    const preview = aPreview({ differences_total: 700 });
    preview.now.fallback = 'the lab’s system did not answer';
    const text = renderPreview(preview);
    expect(text).toContain('from our own copy (the lab’s system did not answer)');
    expect(text).toContain('… 698 more');
  });

  test('a payload cannot paint the terminal', () => {
    const differences = [
      { path: '/a\u001b[2J', kind: 'CHANGED', before: 'x\u001b[2J', after: '\u202e' },
    ] as const;
    const text = renderPreview(aPreview({ differences: [...differences] }));
    expect(text).not.toContain('\u001b');
    expect(text).not.toContain('\u202e');
  });
});

test('what was queued: attempt, revision, key, how it was made, and warnings', () => {
  const text = renderQueued({
    log_id: LOG,
    attempt_id: `${LOG}_a2`,
    revision: 2,
    key: `${LOG}_r2`,
    sha256: 'c'.repeat(64),
    body: 'CHANGED',
    objects_from: 'LOCAL',
    fallback: null,
    warnings: ['The receiver may hold revision 1.'],
    waits: null,
    retry_count: 1,
  });
  expect(text).toContain(`is queued again as attempt ${LOG}_a2.`);
  expect(text).toContain(`Revision 2, key ${LOG}_r2: built anew, and changed, from our own copy.`);
  expect(text).toContain('  The receiver may hold revision 1.\n');
});
