import { describe, expect, test, vi } from 'vitest';
import { createFailpoint } from '../../src/shared/failpoint.ts';

const accepting = [{ name: 'claim' }, { name: 'acceptEvent' }];

describe('a failpoint', () => {
  test('ends the process when its place is passed, and at no other', () => {
    const end = vi.fn();
    const failpoint = createFailpoint('before-stamp', end);
    failpoint('after-stamp');
    expect(end).not.toHaveBeenCalled();
    failpoint('before-stamp');
    expect(end).toHaveBeenCalledOnce();
  });

  test('can wait for the n-th time', () => {
    const end = vi.fn();
    const failpoint = createFailpoint('after-answer:3', end);
    failpoint('after-answer');
    failpoint('after-answer');
    expect(end).not.toHaveBeenCalled();
    failpoint('after-answer');
    expect(end).toHaveBeenCalledOnce();
  });

  test('of a commit can be told what must be in it', () => {
    const end = vi.fn();
    const failpoint = createFailpoint('before-commit@acceptEvent:2', end);
    failpoint('before-commit', [{ name: 'claim' }]);
    failpoint('before-commit', accepting);
    failpoint('after-commit', accepting);
    expect(end).not.toHaveBeenCalled();
    failpoint('before-commit', accepting);
    expect(end).toHaveBeenCalledOnce();
  });

  test('does nothing where none is asked for', () => {
    const end = vi.fn();
    createFailpoint(undefined, end)('before-commit', accepting);
    expect(end).not.toHaveBeenCalled();
  });

  test.each(['before-lunch', 'before-stamp:0', 'before-stamp:x', 'before-commit@', ''.padEnd(3)])(
    'is refused where it would hit nothing: "%s"',
    (specification) => {
      expect(() => createFailpoint(specification, () => {})).toThrow(/LABRELAY_FAILPOINT/);
    },
  );
});
