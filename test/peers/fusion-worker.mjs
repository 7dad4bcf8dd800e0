/**
 * An outside worker as docs/fusion-worker.md describes one, written from that page alone: it imports
 * nothing of LabRelay's and is run in a process of its own.
 *
 * Environment: LABRELAY_URL, LABRELAY_KEY (an operator's user key), WORKER (its name);
 * REPORT_BY=callback with INTERNAL_TOKEN reports to integration_callback_url, otherwise by lease;
 * DIE=before-start | after-start | after-send ends the process there, as a crash does; LEASE_S, LIMIT.
 * On SIGTERM it gives back what it has not started, ends what it has, and exits 0.
 * Writes one line for each thing it does: `leased LOG_ID`, `started …`, `sent …`, `reported …`, `lost …`.
 */
const { LABRELAY_URL, LABRELAY_KEY, INTERNAL_TOKEN, DIE } = process.env;
const WORKER = process.env.WORKER ?? 'fusion';
const LEASE_S = Number(process.env.LEASE_S ?? 60);
const LIMIT = Number(process.env.LIMIT ?? 10);
const BY_CALLBACK = process.env.REPORT_BY === 'callback';

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());

const tell = (word, { integration_payload: { log_id } }) =>
  process.stdout.write(`${word} ${log_id}\n`);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function post(url, headers, body) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}

const call = (procedure, input) =>
  post(`${LABRELAY_URL}/api/v1/${procedure}`, { authorization: `Bearer ${LABRELAY_KEY}` }, input);

/** Says what became of an attempt until LabRelay has taken it; a repeat changes nothing. */
async function report(task, outcome) {
  const enriched = { ...task.integration_payload, ...outcome };
  for (;;) {
    try {
      const { status } = BY_CALLBACK
        ? await post(
            task.integration_payload.integration_callback_url,
            { 'x-internal-token': INTERNAL_TOKEN },
            enriched,
          )
        : await call('report-task', { ...enriched, lease_id: task.lease_id });
      if (status === 200) return tell('reported', task);
      if (status < 500 && status !== 429) return tell(`refused-${status}`, task);
    } catch {
      // Not reached: LabRelay may just be starting again.
    }
    await pause(200);
  }
}

/** Starts until LabRelay answers: once more is the same start. */
async function start(lease_id) {
  for (;;) {
    try {
      const started = await call('start-task', { lease_id });
      if (started.status < 500 && started.status !== 429) return started;
    } catch {
      // Not reached; nothing was sent yet.
    }
    await pause(200);
  }
}

/** Makes the call. @returns what came of it, in the words of a report */
async function send({ url, ...request }, timeoutMs) {
  const startedAt = Date.now();
  const facts = () => ({
    end_point: url,
    request_headers: request.headers,
    response_time: Date.now() - startedAt,
    activity_date: new Date().toISOString(),
  });
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await fetch(url, { ...request, redirect: 'manual', signal });
    const text = await answer.text();
    return {
      ...facts(),
      response_status_code: answer.status,
      response_headers: Object.fromEntries(answer.headers),
      response_body: text,
    };
  } catch (error) {
    // Only where the connection was refused is it certain that nothing was sent.
    const refused = error.cause?.code === 'ECONNREFUSED';
    const kind = refused
      ? 'CONNECT'
      : error.name === 'TimeoutError'
        ? 'TIMEOUT'
        : 'CONNECTION_LOST';
    return { ...facts(), error_kind: kind, error_message: `the call failed (${kind})` };
  }
}

async function work(task) {
  tell('leased', task);
  if (DIE === 'before-start') process.exit(9);
  if (stop.signal.aborted) return call('release-task', { lease_id: task.lease_id });
  const started = await start(task.lease_id);
  // 409: somebody else has it by now, or nothing may leave.
  if (started.status !== 200) return tell('lost', task);
  tell('started', task);
  if (DIE === 'after-start') process.exit(9);
  const outcome = await send(started.body.request, task.timeout_ms);
  tell('sent', task);
  if (DIE === 'after-send') process.exit(9);
  return report(task, outcome);
}

while (!stop.signal.aborted) {
  try {
    const { body } = await call('lease-tasks', { worker: WORKER, limit: LIMIT, lease_s: LEASE_S });
    const tasks = body.tasks ?? [];
    await Promise.all(tasks.map(work));
    if (tasks.length > 0) continue;
  } catch {
    // LabRelay is not there just now.
  }
  await pause(100);
}
