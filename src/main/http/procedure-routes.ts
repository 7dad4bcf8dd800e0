import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  contract,
  type Input,
  type Output,
  type ProcedureName,
} from '../../shared/contract/index.ts';
import { kebabCase } from '../../shared/contract/procedure.ts';
import type { Caller, Handlers } from '../bridge/handler.ts';
import type { KeyGate } from './keys.ts';
import { limitByKey } from './rate-limits.ts';

/** `addUpdateLab` → `/api/v1/add-update-lab`. */
export function procedurePath(name: ProcedureName): string {
  return `/api/v1/${kebabCase(name)}`;
}

/** Binds the whole contract to HTTP: role, input and output by what each procedure declares. */
export async function procedureRoutes(
  scope: FastifyInstance,
  parts: { handlers: Handlers<ProcedureName>; gate: KeyGate; perMinute: () => number },
): Promise<void> {
  await limitByKey(scope, parts.perMinute);
  for (const name of Object.keys(contract) as ProcedureName[]) {
    const { summary, role, input, output } = contract[name];
    // Input and output belong to one name, which a union of functions cannot tell.
    const handler = parts.handlers[name] as (
      input: Input<ProcedureName>,
      caller: Caller,
    ) => Promise<Output<ProcedureName>>;
    scope.post(procedurePath(name), {
      schema: {
        operationId: name,
        summary,
        description: `Needs a user key, or a session signed in with one, with the role ${role} or a stronger one.`,
        tags: ['console'],
        security: [{ bearer: [] }, { api_key: [] }, { session: [] }],
        body: input,
        response: { 200: output },
      },
      onRequest: parts.gate.procedure(role),
      handler: (request) => handler(request.body as Input<ProcedureName>, callerOf(request)),
    });
  }
}

function callerOf(request: FastifyRequest): Caller {
  const key = request.accessKey;
  // The key check ran before; without it this route would be open to anyone.
  if (!key?.role) throw new Error('a procedure was reached without its key check');
  return { accessKeyId: key.accessKeyId, name: key.name, role: key.role, address: request.ip };
}
