import { contract, type ProcedureName } from '../../shared/contract/index.ts';
import type { Procedure } from '../../shared/contract/procedure.ts';
import { LabRelayError } from '../../shared/errors.ts';
import type { NewAuditEntry } from '../../shared/model/audit.ts';
import type { Caller, Handlers } from './handler.ts';

/** Where acts are written. */
export interface Audit {
  /** Resolves with the entry's id once it is on disk. */
  append(entry: Omit<NewAuditEntry, 'at'>): Promise<number>;
}

type Handler = (input: object, caller: Caller) => Promise<unknown>;

/**
 * The handlers, each act of which is in the audit chain before it happens: one entry that says who
 * does what to what, and one that says what came of it. Where the first cannot be written nothing is
 * done. Both bindings (HTTP and IPC) are given these, so that neither way leads past the chain.
 *
 * @param onFault told where the second entry could not be written; the act is done by then
 */
export function audited(
  handlers: Handlers<ProcedureName>,
  audit: Audit,
  onFault: (fault: { procedure: string; error: unknown }) => void,
): Handlers<ProcedureName> {
  const wrapped = Object.entries(handlers).map(([name, given]): [string, Handler] => {
    const procedure: Procedure = contract[name as ProcedureName];
    const handler = given as Handler;
    const isAct = (input: object) =>
      procedure.audit === 'change' ||
      procedure.audit === 'clear' ||
      procedure.readsInClear?.(input) === true;

    const run: Handler = async (input, caller) => {
      if (!isAct(input)) return handler(input, caller);
      const entry = entryOf(name, procedure, input, caller);
      const of = await audit.append(entry);
      const tell = async (outcome: string, subject: string): Promise<void> => {
        const { fields: _given, ...who } = entry.detail;
        try {
          await audit.append({ ...entry, reason: null, subject, detail: { ...who, of, outcome } });
        } catch (error) {
          onFault({ procedure: name, error });
        }
      };
      try {
        const output = await handler(input, caller);
        // What was made has its id only now.
        const made = entry.subject ? pickOf(output, procedure.madeId) : output;
        const subjects = [entry.subject, subjectOf(made)].filter((subject) => subject !== '');
        await tell('done', subjects.join(' '));
        return output;
      } catch (error) {
        await tell(error instanceof LabRelayError ? error.code : 'INTERNAL', entry.subject);
        throw error;
      }
    };
    return [name, run];
  });
  return Object.fromEntries(wrapped) as unknown as Handlers<ProcedureName>;
}

function entryOf(
  action: string,
  { auditedWords = [] }: Procedure,
  input: object,
  caller: Caller,
): Omit<NewAuditEntry, 'at'> {
  const fields = Object.entries(input).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  );
  const reason = 'reason' in input && typeof input.reason === 'string' ? input.reason : null;
  return {
    actor: caller.name,
    action,
    subject: subjectOf(input),
    reason,
    address: caller.address,
    detail: {
      access_key_id: caller.accessKeyId,
      role: caller.role,
      fields,
      ...Object.assign({}, ...auditedWords.map((name) => pickOf(input, name))),
    },
  };
}

/** One field of a document by itself; nothing where it has none of that name. */
function pickOf(document: unknown, name: string | undefined): object {
  if (typeof document !== 'object' || document === null || name === undefined) return {};
  const [entry] = Object.entries(document).filter(([key]) => key === name);
  return entry ? Object.fromEntries([entry]) : {};
}

/** Texts that are ids of our own making; every other text may be about a patient. */
const OWN_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The ids in a document, as `lab_id=7 log_id=…`: numbers, and texts that LabRelay itself has made. */
function subjectOf(document: unknown): string {
  if (typeof document !== 'object' || document === null) return '';
  return Object.entries(document)
    .flatMap(([name, value]) => {
      if (!/_ids?$/.test(name)) return [];
      const ids = [value]
        .flat()
        .filter((id) => typeof id === 'number' || (typeof id === 'string' && OWN_ID.test(id)));
      return ids.length > 0 ? [`${name}=${ids.slice(0, 20).join(',')}`] : [];
    })
    .join(' ');
}
