import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endOf, FreshClone } from '../support/fresh-clone.ts';

/** Prints its arguments and its Node as JSON; `wait` waits for a signal and then drains. */
const CLI = `
const args = process.argv.slice(2);
if (args[0] === 'exit') process.exitCode = Number(args[1]);
if (args[0] === 'die') process.kill(process.pid, 'SIGKILL');
if (args[0] === 'wait') {
  const stay = setInterval(() => {}, 1000);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => { console.log('drained after ' + signal); clearInterval(stay); });
  }
}
// Last, so that whoever reads it knows that signals are listened for.
console.log(JSON.stringify({ args, node: process.version, path: process.env.PATH }));
`;

let clone: FreshClone;
beforeEach(() => {
  clone = new FreshClone(CLI);
});
afterEach(() => clone.remove());

describe('the first command in a fresh clone', () => {
  it('installs, builds, then runs; standard output belongs to the command alone', async () => {
    const { how, stdout, stderr } = await clone.run(['labrelay', 'search', '--json']);
    expect(how).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ args: ['search', '--json'] });
    expect(stderr).toMatch(/installing[\s\S]*npm writes to its[\s\S]*building/);
    expect(clone.installs).toEqual([expect.stringMatching(/^ci --ignore-scripts --include=dev/)]);
    expect(clone.builds).toHaveLength(1);
  });

  it('runs build and command under the Node that the lockfile brought, first on PATH', async () => {
    const { stdout } = await clone.run(['labrelay']);
    const { node, path } = JSON.parse(stdout);
    expect(node).toBe(process.version);
    expect(clone.builds).toEqual([process.version]);
    expect(path).toMatch(/^[^:]*\/node_modules\/node-[^:]*\/bin:/);
  });

  it('does neither again', async () => {
    await clone.run(['labrelay']);
    const { stderr } = await clone.run(['labrelay']);
    expect(stderr).toBe('');
    expect(clone.installs).toHaveLength(1);
    expect(clone.builds).toHaveLength(1);
  });

  it('tells why it cannot install, and what to do', async () => {
    clone.write('registry-is-down', '');
    const { how, stdout, stderr } = await clone.run(['labrelay']);
    expect(how).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/npm ci ended with code 1.*registry must be\s+reachable/s);
  });
});

describe('what has become stale', () => {
  it('is installed when the lockfile names another version', async () => {
    await clone.run(['labrelay']);
    clone.lock('1.0.1');
    expect(await clone.run(['labrelay'])).toMatchObject({ how: 0 });
    expect(clone.installs).toHaveLength(2);
  });

  it('is built when a source has changed', async () => {
    await clone.run(['labrelay']);
    clone.write('src/cli.js', 'console.log("changed");');
    expect(await clone.run(['labrelay'])).toMatchObject({ how: 0, stdout: 'changed\n' });
  });

  it('is built when a source was removed', async () => {
    clone.write('src/other.js', '');
    await clone.run(['labrelay']);
    rmSync(`${clone.folder}/src/other.js`);
    await clone.run(['labrelay']);
    expect(clone.builds).toHaveLength(2);
  });

  it('is told of with the builder’s own words when it cannot be built, and nothing runs', async () => {
    clone.write('src/cli.js', 'syntax error');
    const { how, stdout, stderr } = await clone.run(['labrelay']);
    expect(how).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain('src/cli.js does not parse');
  });
});

describe('two runs at once', () => {
  it('share one install and one build', async () => {
    const runs = await Promise.all([clone.run(['labrelay', 'a']), clone.run(['labrelay', 'b'])]);
    expect(runs.map(({ how }) => how)).toEqual([0, 0]);
    expect(clone.installs).toHaveLength(1);
    expect(clone.builds).toHaveLength(1);
    expect(runs.map(({ stderr }) => stderr).join()).toContain('another run is busy');
  });

  it('pass over a lock whose holder is gone', async () => {
    const gone = clone.spawn(['no-such-target']);
    await once(gone, 'exit');
    clone.write('.labrelay/install.lock/pid', String(gone.pid));
    expect(await clone.run(['labrelay'])).toMatchObject({ how: 0 });
  });
});

describe('the end of a command', () => {
  it('hands on its exit code', async () => {
    expect((await clone.run(['labrelay', 'exit', '3'])).how).toBe(3);
  });

  it('hands on the signal that ended it', async () => {
    expect((await clone.run(['labrelay', 'die'])).how).toBe('SIGKILL');
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('hands %s to it and waits', async (signal) => {
    const child = clone.spawn(['labrelay', 'wait']);
    const ended = endOf(child);
    // The first words: it listens for signals.
    await once(child.stdout ?? child, 'data');
    child.kill(signal);
    const { how, stdout } = await ended;
    expect(how).toBe(0);
    expect(stdout.match(/drained after/g)).toHaveLength(1);
    expect(stdout).toContain(`drained after ${signal}`);
  });
});

describe('npm start', () => {
  it.runIf(process.platform === 'linux')(
    'without a display says so in one line and opens the console by serve',
    async () => {
      await clone.run(['labrelay']);
      const { stdout, stderr } = await clone.run(['start', '--port', '0']);
      expect(stderr).toBe(
        'labrelay: There is no display; opening the console by "labrelay serve".\n',
      );
      expect(JSON.parse(stdout).args).toEqual(['serve', '--port', '0']);
    },
  );
});

it('refuses what it does not know', async () => {
  const { how, stderr } = await clone.run(['dance']);
  expect(how).toBe(2);
  expect(stderr).toContain('usage: run.mjs <start|labrelay|test|build|exec>');
});
