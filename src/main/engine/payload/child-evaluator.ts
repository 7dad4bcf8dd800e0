import { LabRelayError } from '../../../shared/errors.ts';
import type { JsonObject, JsonValue } from '../../../shared/model/json.ts';
import type { MappingBindings, MappingEvaluator, MappingResult } from './evaluator.ts';
import { limitFault } from './mapping-faults.ts';
import type {
  ChildMessage,
  JobResult,
  MappingChild,
  MappingJob,
  MappingLauncher,
} from './mapping-messages.ts';

/** How long one job may keep the child busy, JSONata's own time-out (500 ms) having failed. */
const JOB_LIMIT_MS = 1_000;
/** How long a fresh child may take until it is ready; the machine may be busy. */
const START_LIMIT_MS = 20_000;
const LAUNCHES = 3;
/** What the child holds at once: enough to keep it busy, little enough for its small heap. */
const MAX_SENT_JOBS = 64;
const MAX_SENT_CHARS = 1024 * 1024;

interface PendingJob {
  job: MappingJob;
  /** Characters that the child must hold for it. */
  size: number;
  resolve(result: MappingResult): void;
  reject(error: Error): void;
}

function decode(result: JobResult): MappingResult {
  if (!result.ok) return result;
  return {
    ok: true,
    value: result.json === null ? undefined : (JSON.parse(result.json) as JsonValue),
  };
}

/**
 * Evaluates mappings in a child process: jobs of one tick go together, answers come one by one and
 * in order. So when the child dies or is killed, the first unanswered job is the culprit; it gets
 * a `LIMIT` fault, the others go to a fresh child.
 */
export class ChildEvaluator implements MappingEvaluator {
  readonly #launch: MappingLauncher;
  #child: MappingChild | null = null;
  #ready = false;
  #stopped = false;
  #flushing = false;
  #failedLaunches = 0;
  #lastId = 0;
  #waiting: PendingJob[] = [];
  #sent: PendingJob[] = [];
  #sentChars = 0;
  /** Runs while the child starts or owes an answer. */
  #timer: NodeJS.Timeout | null = null;

  constructor(launch: MappingLauncher) {
    this.#launch = launch;
  }

  /**
   * @throws LabRelayError `INTERNAL` where no child process can be started; that is no fault of
   *   the mapping.
   */
  evaluate(mapping: string, input: JsonObject, bindings: MappingBindings): Promise<MappingResult> {
    if (this.#stopped) return Promise.resolve(limitFault('the mapping process has been stopped'));
    return new Promise((resolve, reject) => {
      const job = { id: ++this.#lastId, mapping, input: JSON.stringify(input), bindings };
      const size = job.input.length + mapping.length;
      this.#waiting.push({ job, size, resolve, reject });
      if (this.#flushing) return;
      this.#flushing = true;
      setImmediate(() => {
        this.#flushing = false;
        this.#flush();
      });
    });
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#disarm();
    this.#child?.kill();
    this.#child = null;
    for (const job of this.#takeAll()) job.resolve(limitFault('the mapping process was stopped'));
    return Promise.resolve();
  }

  #flush(): void {
    if (this.#stopped || this.#waiting.length === 0) return;
    if (!this.#child) return this.#start();
    if (!this.#ready) return;
    const jobs: MappingJob[] = [];
    for (const pending of this.#waiting) {
      const full =
        this.#sent.length >= MAX_SENT_JOBS || this.#sentChars + pending.size > MAX_SENT_CHARS;
      if (full && this.#sent.length > 0) break;
      jobs.push(pending.job);
      this.#sent.push(pending);
      this.#sentChars += pending.size;
    }
    const taken = jobs.length;
    if (taken === 0) return;
    this.#waiting.splice(0, taken);
    if (this.#sent.length === taken) this.#arm(JOB_LIMIT_MS);
    this.#child.send({ jobs });
  }

  #start(): void {
    const child = this.#launch();
    this.#child = child;
    this.#ready = false;
    child.onMessage((message) => {
      if (child === this.#child) this.#take(message);
    });
    child.onExit(() => {
      if (child === this.#child) this.#lost();
    });
    this.#arm(START_LIMIT_MS);
  }

  #take(message: ChildMessage): void {
    if ('ready' in message) {
      this.#ready = true;
      this.#failedLaunches = 0;
      this.#disarm();
      return this.#flush();
    }
    const head = this.#sent[0];
    if (head?.job.id !== message.id) return;
    this.#sent.shift();
    this.#sentChars -= head.size;
    if (this.#sent.length > 0) this.#timer?.refresh();
    else this.#disarm();
    head.resolve(decode(message.result));
    this.#flush();
  }

  /** The child is gone, or has been told to go: its culprit is answered, the others go on. */
  #lost(): void {
    this.#child = null;
    this.#disarm();
    if (this.#ready) {
      this.#sent.shift()?.resolve(limitFault());
    } else if (++this.#failedLaunches >= LAUNCHES) {
      this.#failedLaunches = 0;
      const error = new LabRelayError('INTERNAL', 'The process for mappings cannot be started.');
      for (const job of this.#takeAll()) job.reject(error);
    }
    this.#ready = false;
    this.#waiting = this.#takeAll();
    this.#flush();
  }

  /** All unanswered jobs, oldest first. */
  #takeAll(): PendingJob[] {
    const jobs = [...this.#sent, ...this.#waiting];
    this.#sent = [];
    this.#sentChars = 0;
    this.#waiting = [];
    return jobs;
  }

  #arm(limit: number): void {
    this.#disarm();
    const child = this.#child;
    const timer = setTimeout(() => {
      const head = this.#sent[0];
      // Were we ourselves held up, the answer may lie in the pipe unread: look there first.
      setImmediate(() => {
        if (child !== this.#child || timer !== this.#timer || head !== this.#sent[0]) return;
        child?.kill();
        this.#lost();
      });
    }, limit);
    this.#timer = timer;
  }

  #disarm(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
