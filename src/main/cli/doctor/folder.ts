import { existsSync, mkdtempSync, rmdirSync, statfsSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { LabRelayError } from '../../../shared/errors.ts';
import { adminTokenFile } from '../../admin-token.ts';
import { lockFolder } from '../../store/folder-lock.ts';
import { codeOf, type Finding, ok, problem, warning } from './finding.ts';

const MIB = 2 ** 20;
/** Free space (bytes) below which deliveries may stop any day, and below which to see to it. */
const LITTLE_SPACE = 200 * MIB;
const SCARCE_SPACE = 2_048 * MIB;

/** `f_type` of file systems over a network (statfs(2)): SQLite's WAL needs memory shared by all users
 * of a file, which they do not have. */
const NETWORK_SYSTEMS = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x517b, 'SMB'],
]);

/** Whether the data folder is there and can be used by whoever asks. */
export function checkFolder(folder: string): Finding[] {
  const stat = statSync(folder, { throwIfNoEntry: false });
  if (!stat) {
    return [
      problem(
        'data folder',
        `${folder} does not exist`,
        'name the right one with --data; "labrelay serve" makes a new one',
      ),
    ];
  }
  if (!stat.isDirectory()) {
    return [problem('data folder', `${folder} is no folder`, 'name a folder with --data')];
  }
  return [rights(folder, stat), writable(folder), ...disk(folder)];
}

function rights(folder: string, { mode, uid }: { mode: number; uid: number }): Finding {
  // Windows has neither; there the folder's access list counts.
  if (process.platform === 'win32') return ok('data folder', folder);
  const mine = process.getuid?.() ?? uid;
  if (uid !== mine) {
    return warning(
      'data folder',
      `${folder} belongs to user ${uid}, and you are ${mine} (${userInfo().username})`,
      'run doctor as the user that LabRelay runs as',
    );
  }
  if ((mode & 0o077) !== 0) {
    return warning(
      'data folder',
      `${folder} can be entered by other users (mode ${(mode & 0o777).toString(8)})`,
      `chmod 700 ${folder}`,
    );
  }
  return ok('data folder', `${folder}, for its owner alone`);
}

function writable(folder: string): Finding {
  try {
    rmdirSync(mkdtempSync(join(folder, '.doctor-')));
    return ok('writable', 'files can be made in the data folder');
  } catch (error) {
    return problem(
      'writable',
      `nothing can be made in ${folder} (${codeOf(error)})`,
      'give its rights to the user that LabRelay runs as, or make room on its disk',
    );
  }
}

function disk(folder: string): Finding[] {
  const { bavail, bsize, type } = statfsSync(folder);
  const free = bavail * bsize;
  const words = `${Math.floor(free / MIB)} MiB free on ${volumeOf(folder)}`;
  const cure =
    'make room there, or move the data folder to a larger disk while LabRelay is stopped';
  const space =
    free < LITTLE_SPACE
      ? problem('disk', words, cure)
      : free < SCARCE_SPACE
        ? warning('disk', words, cure)
        : ok('disk', words);
  const network = NETWORK_SYSTEMS.get(type);
  if (network === undefined) return [space];
  return [
    space,
    problem(
      'file system',
      `${folder} lies on a network drive (${network}): the store may be damaged there`,
      'move the data folder to a local disk',
    ),
  ];
}

/** Where the folder's volume begins, e.g. `/var`. */
function volumeOf(folder: string): string {
  if (process.platform === 'win32') return folder.slice(0, 2);
  const { dev } = statSync(folder);
  let at = folder;
  while (dirname(at) !== at && statSync(dirname(at)).dev === dev) at = dirname(at);
  return at;
}

/**
 * Whether an engine runs on the folder. The lock is the system's own: it ends with its process, so
 * that there is no stale one to be removed.
 */
export function checkLock(folder: string): { finding: Finding; isRunning: boolean } {
  const free = { finding: ok('lock', 'no engine runs on this folder'), isRunning: false };
  // Looking at a folder must not make a file in it.
  if (!existsSync(join(folder, 'labrelay.lock'))) return free;
  try {
    lockFolder(folder).release();
    return free;
  } catch (error) {
    if (error instanceof LabRelayError && error.code === 'STORE_LOCKED') {
      return { finding: ok('lock', 'an engine is running on this folder'), isRunning: true };
    }
    const finding = problem(
      'lock',
      `labrelay.lock cannot be used (${codeOf(error)})`,
      'check its rights; with LabRelay stopped it may be removed',
    );
    return { finding, isRunning: false };
  }
}

/** The first admin key should not lie about for ever. */
export function checkAdminToken(folder: string): Finding {
  const file = adminTokenFile(folder);
  if (!existsSync(file)) return ok('admin.token', 'does not lie in the data folder');
  return warning(
    'admin.token',
    `${file} still holds the first admin key in clear`,
    'make a key for each person (createAccessKey), revoke "first admin" (revokeAccessKey), remove the file',
  );
}
