import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChildEvaluator } from '../../../src/main/engine/payload/child-evaluator.ts';
import { forkMappingChild } from '../../../src/main/engine/payload/fork-launcher.ts';
import type {
  ChildMessage,
  JobsMessage,
  MappingChild,
} from '../../../src/main/engine/payload/mapping-messages.ts';
import type { JsonObject } from '../../../src/shared/model/json.ts';

const bindings = {
  log_id: '0199-log',
  event_id: 'e-1',
  lab_id: 7,
  action_category: 'BILL_GENERATED',
};

describe('mappings in the child process', () => {
  const evaluator = new ChildEvaluator(forkMappingChild);
  beforeAll(async () => {
    await evaluator.evaluate('1', {}, bindings);
  });
  afterAll(() => evaluator.stop());

  const evaluate = (mapping: string, input: JsonObject = {}) =>
    evaluator.evaluate(mapping, input, bindings);

  test('see their input and $log_id, $event_id, $lab_id, $action_category', async () => {
    const mapping =
      '{"bill": bill.bill_id, "ref": $log_id, "event": $event_id, "lab": $lab_id, "kind": $action_category}';
    await expect(evaluate(mapping, { bill: { bill_id: 'B1' } })).resolves.toEqual({
      ok: true,
      value: { bill: 'B1', ref: '0199-log', event: 'e-1', lab: 7, kind: 'BILL_GENERATED' },
    });
  });

  test('that name nothing produce undefined; null stays null', async () => {
    await expect(evaluate('nothing.here')).resolves.toEqual({ ok: true, value: undefined });
    await expect(evaluate('null')).resolves.toEqual({ ok: true, value: null });
  });

  test('that produce a function are faulty; functions inside a result are left out', async () => {
    await expect(evaluate('function($x){$x}')).resolves.toMatchObject({ fault: 'RUNTIME' });
    await expect(evaluate('{"a": 1, "f": $sum, "g": λ($x){$x}}')).resolves.toEqual({
      ok: true,
      value: { a: 1 },
    });
  });

  test('that do not parse, or call what does not exist, say where', async () => {
    const broken = await evaluate('{"a": ');
    expect(broken).toMatchObject({ ok: false, fault: 'SYNTAX' });
    expect(broken).toHaveProperty('message', expect.stringContaining('at character'));
    await expect(evaluate('$uppercas(name)', { name: 'x' })).resolves.toMatchObject({
      fault: 'SYNTAX',
    });
  });

  test.each([
    ['$number(patient.name)'],
    ['$error("bad: " & patient.name)'],
    ['$assert(false, patient.name)'],
    ['patient.name + 1'],
    ['$toMillis(patient.name)'],
    ['{patient.age: 1}'],
    ['[patient.name, 1]^($)'],
  ])('faults tell no value of the input: %s', async (mapping) => {
    const result = await evaluate(mapping, { patient: { name: 'Zyxwv Secret', age: 4711 } });
    expect(result).toMatchObject({ ok: false, fault: 'RUNTIME' });
    expect(JSON.stringify(result)).not.toMatch(/Zyxwv|4711/);
  });

  // All five would hold or kill a thread of the engine itself.
  test.each([
    ['a giant string', '$pad("x",3e8)'],
    ['a regular expression without end', '$match($s, /^(a+)+$/)'],
    ['endless recursion', '($f := function($n){1 + $f($n)}; $f(1))'],
    ['an endless tail call', '($f := function($n){$f($n + 1)}; $f(1))'],
    ['a string doubled again and again', '($d := function($s){$d($s & $s)}; $d("0123456789"))'],
    ['a hoard of arrays', '$map([1..9999], function($i){[1..9999]})'],
    ['a range too long', '[1..1e9]'],
  ])('%s is stopped within 3 s, and the next mapping works', async (_name, hostile) => {
    const began = performance.now();
    const result = await evaluate(hostile.replace('$s,', `"${'a'.repeat(40)}!",`));
    expect(result).toMatchObject({ ok: false, fault: 'LIMIT' });
    expect(performance.now() - began).toBeLessThan(3_000);
    await expect(evaluate('"alive"')).resolves.toEqual({ ok: true, value: 'alive' });
  });

  test('more than 5 MiB of result is refused', async () => {
    await expect(evaluate('$pad("x", 6000000)')).resolves.toMatchObject({
      fault: 'LIMIT',
      message: expect.stringContaining('5 MiB'),
    });
  });

  test('among 200 jobs at once, only the poisonous one fails', async () => {
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        n === 77 ? evaluate(`$match("${'a'.repeat(40)}!", /^(a+)+$/)`) : evaluate('n * 2', { n }),
      ),
    );
    for (const [n, result] of results.entries()) {
      if (n === 77) expect(result).toMatchObject({ ok: false, fault: 'LIMIT' });
      else expect(result).toEqual({ ok: true, value: n * 2 });
    }
  });
});

test('stopping answers what is under way, and later calls, with LIMIT', async () => {
  const evaluator = new ChildEvaluator(forkMappingChild);
  const pending = evaluator.evaluate('1', {}, bindings);
  await evaluator.stop();
  await evaluator.stop();
  await expect(pending).resolves.toMatchObject({ ok: false, fault: 'LIMIT' });
  await expect(evaluator.evaluate('1', {}, bindings)).resolves.toMatchObject({ fault: 'LIMIT' });
});

/** A child that the test plays itself, message by message. */
class PlayedChild implements MappingChild {
  readonly received: number[] = [];
  killed = false;
  tell: (message: ChildMessage) => void = () => {};
  exit: () => void = () => {};

  send({ jobs }: JobsMessage): void {
    this.received.push(...jobs.map(({ id }) => id));
  }
  onMessage(listener: (message: ChildMessage) => void): void {
    this.tell = listener;
  }
  onExit(listener: () => void): void {
    this.exit = listener;
  }
  kill(): void {
    this.killed = true;
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the jobs of a child that dies', () => {
  test('go to the next one, but for the first unanswered', async () => {
    const children: PlayedChild[] = [];
    const evaluator = new ChildEvaluator(() => {
      const child = new PlayedChild();
      children.push(child);
      return child;
    });
    const results = [1, 2, 3].map((n) => evaluator.evaluate(String(n), {}, bindings));
    await turn();
    children[0]?.tell({ ready: true });
    expect(children[0]?.received).toEqual([1, 2, 3]);
    children[0]?.tell({ id: 1, result: { ok: true, json: '1' } });
    children[0]?.exit();
    children[1]?.tell({ ready: true });
    expect(children[1]?.received).toEqual([3]);
    children[1]?.tell({ id: 3, result: { ok: true, json: '3' } });
    await expect(Promise.all(results)).resolves.toEqual([
      { ok: true, value: 1 },
      expect.objectContaining({ ok: false, fault: 'LIMIT' }),
      { ok: true, value: 3 },
    ]);
    await evaluator.stop();
    expect(children[1]?.killed).toBe(true);
  });

  test('are refused as our own fault where no child comes up', async () => {
    const evaluator = new ChildEvaluator(() => {
      const child = new PlayedChild();
      setImmediate(() => child.exit());
      return child;
    });
    await expect(evaluator.evaluate('1', {}, bindings)).rejects.toMatchObject({
      code: 'INTERNAL',
    });
    await evaluator.stop();
  });
});
