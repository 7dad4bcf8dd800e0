import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CallBody, cutText, KEPT_BODY_BYTES } from '../../../src/main/engine/inbound/call-body.ts';
import '../../support/properties.ts';

/** A body of which these parts have come. */
function received(parts: readonly Buffer[], isComplete: boolean): CallBody {
  const body = new CallBody(true);
  for (const part of parts) body.receive(part);
  if (isComplete) body.end();
  return body;
}

describe('what is kept of a body', () => {
  test('is nothing where none was sent, and none of it is missing', () => {
    expect(new CallBody(false).kept()).toEqual({ text: null, isCut: false, isUtf8: true });
  });

  test('is nothing where one was announced and none was read, and that is told', () => {
    expect(new CallBody(true).kept()).toEqual({ text: null, isCut: true, isUtf8: true });
  });

  test('is all of it, in whatever parts it came', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.array(fc.nat(200)), (text, cuts) => {
        const bytes = Buffer.from(text);
        const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length];
        const sorted = places.sort((a, b) => a - b);
        const parts = sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
        const { text: kept, isCut, isUtf8 } = received(parts, true).kept();
        expect(kept ?? '').toBe(text);
        expect([isCut, isUtf8]).toEqual([false, true]);
      }),
    );
  });

  test('is its beginning up to the last whole letter where it broke off', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), fc.nat(), (text, at) => {
        const whole = text.toWellFormed();
        const bytes = Buffer.from(whole);
        const come = bytes.subarray(0, 1 + (at % bytes.length));
        const { text: kept, isCut, isUtf8 } = received([come], false).kept();
        expect(whole.startsWith(kept ?? '-')).toBe(true);
        expect(come.length - Buffer.byteLength(kept ?? '')).toBeLessThan(4);
        expect([isCut, isUtf8]).toEqual([true, true]);
      }),
    );
  });

  test('says where it was no UTF-8', () => {
    const body = received([Buffer.from([0x61, 0xff, 0x62])], true);
    expect(body.kept()).toEqual({ text: 'a\ufffdb', isCut: false, isUtf8: false });
  });

  test.each([
    [KEPT_BODY_BYTES, false],
    [KEPT_BODY_BYTES + 1, true],
  ])('is limited: %d bytes', (length, isCut) => {
    const part = Buffer.alloc(1_000, 'x');
    const parts = Array.from({ length: Math.floor(length / 1_000) }, () => part);
    const kept = received([...parts, Buffer.alloc(length % 1_000, 'x')], true).kept();
    expect(kept).toEqual({ text: 'x'.repeat(KEPT_BODY_BYTES), isCut, isUtf8: true });
  });
});

describe('an answer', () => {
  test.each([
    ['x'.repeat(KEPT_BODY_BYTES), 'x'.repeat(KEPT_BODY_BYTES), false],
    ['é'.repeat(KEPT_BODY_BYTES / 2), 'é'.repeat(KEPT_BODY_BYTES / 2), false],
    [`x${'é'.repeat(KEPT_BODY_BYTES / 2)}`, `x${'é'.repeat(KEPT_BODY_BYTES / 2 - 1)}`, true],
  ])('is cut between letters', (text, kept, isCut) => {
    expect(cutText(text)).toEqual({ text: kept, isCut });
  });
});
