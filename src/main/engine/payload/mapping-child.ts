import { runJob } from './mapping-job.ts';
import type { ChildMessage, JobsMessage, MappingJob } from './mapping-messages.ts';
import { startWatchdog } from './mapping-watchdog.ts';

/** Entry of the child process in which mappings run; started by fork-launcher.ts. */

const queue: MappingJob[] = [];
let running = false;
const watch = startWatchdog();

/** Resolves when the message is out, so that no answer waits behind the next job's runaway loop. */
function send(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    // An error means that the engine has gone; 'disconnect' then ends this process.
    process.send?.(message, undefined, undefined, () => resolve());
  });
}

async function run(): Promise<void> {
  running = true;
  for (let job = queue.shift(); job; job = queue.shift()) {
    watch(job.id);
    const result = await runJob(job);
    watch(0);
    await send({ id: job.id, result });
  }
  running = false;
}

process.on('message', (message: JobsMessage) => {
  queue.push(...message.jobs);
  if (!running) void run();
});

// Never outlive the engine, even one that was killed; while a job runs, the watchdog sees to it.
process.on('disconnect', () => process.exit(0));

void send({ ready: true });
