import type { FastifyInstance, FastifySchemaCompiler } from 'fastify';
import { serializerCompiler } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { parseInput } from '../../shared/contract/common.ts';
import { LabRelayError } from '../../shared/errors.ts';

/** Validates by the route's zod schema; refusals name fields as all our refusals do. */
const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema }) => {
  return (data: unknown) => {
    try {
      // Calls whose input has only optional fields need no body.
      return { value: parseInput(schema, data ?? {}) };
    } catch (error) {
      if (error instanceof LabRelayError) return { error };
      throw error;
    }
  };
};

/** Binds the routes' zod schemas: input is parsed by them, output encoded. */
export function useZodSchemas(app: FastifyInstance): void {
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
}
