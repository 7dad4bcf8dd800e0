import type { ConfigurationSnapshot } from '../../shared/model/configuration.ts';
import { dataFolderOf } from '../config.ts';
import { readConfiguration } from '../store/examine.ts';
import { storeFile } from '../store/store.ts';
import { asUsage, parseCommand, UsageError } from './arguments.ts';
import { CONNECTION_HELP, CONNECTION_OPTIONS, EngineClient, engineUrl, userKey } from './client.ts';
import { checkBackups } from './doctor/backups.ts';
import { checkEndpoints, testsOfEngine, testsOfStore } from './doctor/endpoints.ts';
import { type Finding, problem } from './doctor/finding.ts';
import { checkAdminToken, checkFolder, checkLock } from './doctor/folder.ts';
import { engineFindings } from './doctor/engine.ts';
import { checkKey } from './doctor/key.ts';
import { checkPort, checkTlsFiles } from './doctor/network.ts';
import { checkSpill } from './doctor/spill.ts';
import { checkStore } from './doctor/store.ts';
import { line, type Run } from './output.ts';

const HELP = `Usage: labrelay doctor [options]

Looks at a data folder, its store, key, backups and clock, at the engine's address and at the way to
every active integration's partner, whether an engine runs or not, and says what to mend. Nothing is
changed and nothing is sent. Exit 0 where there is no problem (warnings are none), else 1.

${CONNECTION_HELP}  --tls-cert F       with --tls-key: the files that serve is given; are they good?
  --tls-key F
  --json             {ok, checks: [{name, status, detail, cure}]}; status: ok, warning, problem
`;

const OPTIONS = {
  ...CONNECTION_OPTIONS,
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
} as const;

/** `labrelay doctor`. */
export const run: Run = async (argv, io) => {
  const { values } = parseCommand(argv, OPTIONS);
  if (values.help) {
    io.out(HELP);
    return 0;
  }
  const { 'tls-cert': cert, 'tls-key': key } = values;
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError('--tls-cert and --tls-key are given together');
  }
  const dataFolder = asUsage(() => dataFolderOf(values.data, io.environment));
  const url = engineUrl(values, io);
  const findings = await examine({
    dataFolder,
    url,
    token: () => tokenOf(() => userKey(values, url, io)),
    environmentKey: io.environment['LABRELAY_KEY'] || undefined,
    tls: cert !== undefined && key !== undefined ? { cert, key } : null,
  });
  const isWell = findings.every(({ status }) => status !== 'problem');
  if (values.json) line(io.out, JSON.stringify({ ok: isWell, checks: findings }));
  else io.out(render(findings));
  return isWell ? 0 : 1;
};

interface Patient {
  dataFolder: string;
  url: URL;
  /** Null: no user key is known, so the engine is not asked. */
  token: () => string | null;
  environmentKey: string | undefined;
  tls: { cert: string; key: string } | null;
}

async function examine(patient: Patient): Promise<Finding[]> {
  const { dataFolder, url, tls } = patient;
  const now = Date.now();
  const folder = checkFolder(dataFolder);
  const tlsFindings = tls ? [checkTlsFiles(tls, now)] : [];
  if (folder.some(({ name, status }) => name === 'data folder' && status === 'problem')) {
    return [...folder, (await checkPort(url, false)).finding, ...tlsFindings];
  }
  const { finding: lock, isRunning } = checkLock(dataFolder);
  const store = checkStore(dataFolder, isRunning, now);
  const configuration = storedConfiguration(dataFolder);
  const { findings: key, vault } = await checkKey(
    dataFolder,
    patient.environmentKey,
    configuration,
  );
  const { finding: port, found } = await checkPort(url, isRunning);
  const token = isRunning && found === 'LABRELAY' ? patient.token() : null;
  const rest =
    token === null
      ? await checkEndpoints(configuration ? testsOfStore(configuration, vault) : [])
      : await askEngine(url, token);
  return [
    ...folder,
    lock,
    ...store,
    ...(await checkSpill(dataFolder, isRunning)),
    ...key,
    checkAdminToken(dataFolder),
    port,
    ...tlsFindings,
    await checkBackups(dataFolder, configuration?.settings, now),
    ...rest,
  ];
}

/** The engine's own word on how it stands, and its tests of the way to each partner. */
async function askEngine(url: URL, token: string): Promise<Finding[]> {
  const client = new EngineClient(url, token);
  try {
    const findings = await engineFindings(client);
    return [...findings, ...(await checkEndpoints(await testsOfEngine(client)))];
  } catch (error) {
    const words = error instanceof Error ? error.message : 'unknown error';
    return [problem('engine', words, 'check --url and --token')];
  } finally {
    await client.close();
  }
}

/** Null where the store cannot be read, or only by the start that brings it up to date. */
function storedConfiguration(dataFolder: string): ConfigurationSnapshot | null {
  try {
    return readConfiguration(storeFile(dataFolder));
  } catch {
    return null;
  }
}

function tokenOf(read: () => string): string | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof UsageError) return null;
    throw error;
  }
}

const MARKS = { ok: 'ok      ', warning: 'WARNING ', problem: 'PROBLEM ' } as const;

function render(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ name, status, detail, cure }) => [
    `${MARKS[status]} ${name}: ${detail}`,
    ...(cure === null ? [] : [`          -> ${cure}`]),
  ]);
  const count = (wanted: Finding['status']) =>
    findings.filter(({ status }) => status === wanted).length;
  const sum = `${count('problem')} problems, ${count('warning')} warnings, ${count('ok')} in order`;
  return `${lines.join('\n')}\n\n${sum}\n`;
}
