import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt } from './build.mjs';
import { runChild } from './child.mjs';
import { Failure } from './paths.mjs';
import { CHROMIUM, isInstalled } from './programs.mjs';
import { environment, tool } from './runtime.mjs';

/**
 * Every check, the quick ones first. `tests` reads the passed and failed numbers from the report
 * that a test runner wrote. `needs` are programs of the machine's own and what is skipped where one
 * is missing: those tests, or with `count`, which tells how many there are, the whole step.
 */
const STEPS = [
  { name: 'format', run: ['biome', 'format', '.'] },
  { name: 'lint', run: ['oxlint', '--type-aware'] },
  { name: 'types', run: ['tsc', '-b'] },
  { name: 'dead-code', run: ['knip'] },
  { name: 'build' },
  {
    name: 'quick',
    run: vitest('quick'),
    tests: vitestCounts,
    needs: { program: 'openssl', what: 'the TLS tests' },
  },
  {
    name: 'process',
    run: vitest('process'),
    tests: vitestCounts,
    needs: { program: 'curl', what: "the test of the README's first steps" },
  },
  {
    name: 'e2e',
    run: ['playwright', 'test', '--reporter=list,json'],
    tests: playwrightCounts,
    needs: { program: CHROMIUM, what: "the console's tests in a browser", count: countPlaywright },
  },
];

function vitest(project) {
  return ['vitest', 'run', '--project', project, '--reporter=default', '--reporter=json'];
}

/**
 * Runs all steps, or those named, and stops at the first that fails.
 *
 * @param {string} node Node 24
 * @param {string[]} names steps to run; none: all
 */
export async function check(node, names) {
  const steps = names.length > 0 ? names.map(stepNamed) : STEPS;
  const reports = mkdtempSync(join(tmpdir(), 'labrelay-test-'));
  const total = { passed: 0, failed: 0, skipped: 0 };
  const lacking = new Set(steps.filter(lacksProgram));
  tellLacking(lacking);
  try {
    for (const step of steps) {
      if (lacking.has(step) && step.needs.count) {
        total.skipped += await step.needs.count(node);
        continue;
      }
      const started = Date.now();
      process.stdout.write(`\n▶ ${step.name}\n`);
      const report = join(reports, `${step.name}.json`);
      const failed = step.run ? await runTool(node, step.run, report) : await buildStep(node);
      if (step.tests) add(total, step.tests, report);
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      process.stdout.write(`${failed ? '✗' : '✓'} ${step.name} ${seconds} s\n`);
      if (failed) {
        if (step.tests) process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`);
        throw new Failure(`the step "${step.name}" failed`);
      }
    }
    if (total.skipped > 0) process.stdout.write(`\n${total.skipped} skipped\n`);
    process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`);
  } finally {
    rmSync(reports, { recursive: true, force: true });
  }
}

function lacksProgram({ needs }) {
  return needs !== undefined && !isInstalled(needs.program);
}

/** A machine without a browser still checks the rest; one that is there to check everything fails. */
function tellLacking(steps) {
  for (const { name, needs } of steps) {
    const missing = `${needs.what} need ${needs.program}, which is not installed`;
    if (process.env.CI) throw new Failure(`${missing} (step "${name}"; CI is set)`);
    process.stdout.write(`SKIPPED: ${missing}.\n`);
  }
}

function stepNamed(name) {
  const step = STEPS.find((candidate) => candidate.name === name);
  if (step) return step;
  throw new Failure(
    `there is no step "${name}"; the steps are ${STEPS.map((each) => each.name).join(', ')}`,
    2,
  );
}

async function buildStep(node) {
  await ensureBuilt(node);
  return false;
}

async function runTool(node, [name, ...args], report) {
  const { command, shell } = tool(name);
  const options = name === 'vitest' ? [`--outputFile.json=${report}`] : [];
  const { code } = await runChild(command, [...args, ...options], {
    env: { ...environment(node), PLAYWRIGHT_JSON_OUTPUT_FILE: report },
    shell,
  });
  return code !== 0;
}

/** How many tests the browser step has; listing them needs no browser. */
async function countPlaywright(node) {
  const { command, shell } = tool('playwright');
  const { output } = await runChild(command, ['test', '--list'], {
    env: environment(node),
    stdio: ['ignore', 'pipe', 'inherit'],
    shell,
  });
  return Number(/^Total: (\d+) tests? /m.exec(output)?.[1] ?? 0);
}

/** Adds a runner's figures; a runner that died before its report has none to add. */
function add(total, counts, file) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return;
  }
  const { passed, failed, skipped } = counts(report);
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

function vitestCounts(report) {
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

function playwrightCounts({ stats }) {
  // A flaky test failed at least once: it counts as failed here.
  return { passed: stats.expected, failed: stats.unexpected + stats.flaky, skipped: stats.skipped };
}
