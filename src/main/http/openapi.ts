import type { SwaggerTransform, SwaggerTransformObject } from '@fastify/swagger';
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import { z } from 'zod';
import { ERROR_CODES } from '../../shared/errors.ts';
import { LOG_ID_HEADER } from './capture.ts';

type JsonSchema = Record<string, unknown>;

/** A route's schema in zod, as the route files give it. */
interface RouteSchema {
  hide?: boolean;
  body?: z.ZodType;
  querystring?: z.ZodType;
  response?: Record<string, z.ZodType>;
  operationId?: string;
  [rest: string]: unknown;
}

const problemSchema: JsonSchema = {
  type: 'object',
  description: 'Problem document (RFC 9457)',
  required: ['type', 'title', 'status', 'code', 'detail'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(ERROR_CODES) },
    detail: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['field', 'reason'],
        properties: { field: { type: 'string' }, reason: { type: 'string' } },
      },
    },
  },
};

/** Of every answer of a route whose calls are captured. */
const CALL_HEADERS: JsonSchema = {
  [LOG_ID_HEADER]: { type: 'string', description: 'The log_id under which this call is found' },
};

/**
 * Options of @fastify/swagger for an OpenAPI 3.1 document of every route that has a schema.
 * @param warning what whoever reads the page must know of this server
 */
export function openApiOptions(
  version: string,
  warning: string | null = null,
): FastifyDynamicSwaggerOptions {
  // What the schemas of one document share: recursive parts, which cannot be written inline.
  const shared: Record<string, JsonSchema> = {};
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'LabRelay',
        version,
        license: { name: 'MIT', identifier: 'MIT' },
        description:
          (warning === null ? '' : `**Warning:** ${warning}.\n\n`) +
          'Business events in, deliveries to partners out, every one of them found by its log_id. ' +
          'Errors are problem documents (RFC 9457).',
      },
      servers: [{ url: '/' }],
      tags: [
        { name: 'events', description: 'Business events of the lab; an access key' },
        { name: 'callbacks', description: 'Reports of outside workers; x-internal-token' },
        {
          name: 'console',
          description: 'Console procedures; a user key with a role, or a session',
        },
        { name: 'monitoring', description: 'Open to monitoring' },
      ],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'An access key' },
          api_key: { type: 'apiKey', in: 'header', name: 'x-api-key' },
          session: {
            type: 'apiKey',
            in: 'cookie',
            name: 'labrelay_session_PORT',
            description: 'A session of the console, for its own pages; post_session opens one',
          },
          internal_token: { type: 'apiKey', in: 'header', name: 'x-internal-token' },
        },
      },
    },
    transform: routeTransform(shared),
    transformObject: documentTransform(shared),
  };
}

function routeTransform(shared: Record<string, JsonSchema>): SwaggerTransform {
  return ({ schema, url, route }) => {
    if (!schema || (schema as RouteSchema).hide) return { schema: { hide: true }, url };
    const { body, querystring, response, ...rest } = schema as RouteSchema;
    const headers = route.config?.captured ? { headers: CALL_HEADERS } : {};
    const name = schema.operationId ?? route.url;
    const answers = Object.fromEntries(
      Object.entries(response ?? {}).map(([status, answer]) => [
        status,
        { description: 'Done', ...headers, ...jsonSchemaOf(answer, 'output', name, shared) },
      ]),
    );
    return {
      url,
      schema: {
        ...rest,
        ...(querystring ? { querystring: jsonSchemaOf(querystring, 'input', name, shared) } : {}),
        ...(body ? { body: jsonSchemaOf(body, 'input', name, shared) } : {}),
        response: {
          ...answers,
          default: {
            description: 'A problem document (RFC 9457)',
            ...headers,
            content: {
              'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
            },
          },
        },
      },
    };
  };
}

function documentTransform(shared: Record<string, JsonSchema>): SwaggerTransformObject {
  return (document) => {
    if (!('openapiObject' in document)) throw new Error('an OpenAPI document was expected');
    const { openapiObject } = document;
    const schemas = { ...openapiObject.components?.schemas, ...shared, Problem: problemSchema };
    return { ...openapiObject, components: { ...openapiObject.components, schemas } } as Partial<
      typeof openapiObject
    >;
  };
}

/**
 * JSON Schema 2020-12 of a zod schema, as OpenAPI 3.1 takes it. Recursive parts (any JSON value)
 * go to the document's components, since a `$ref` to `#/$defs` would not resolve there.
 */
function jsonSchemaOf(
  schema: z.ZodType,
  io: 'input' | 'output',
  name: string,
  shared: Record<string, JsonSchema>,
): JsonSchema {
  const {
    $schema: _dialect,
    $defs: definitions = {},
    ...inline
  } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'any',
    cycles: 'ref',
    reused: 'inline',
  }) as JsonSchema & { $defs?: Record<string, JsonSchema> };

  const components = Object.entries(definitions).map(([key, definition]) => {
    const text = JSON.stringify(definition);
    return { key, text, component: isAnyJson(text, key) ? 'JsonValue' : `${name}_${io}_${key}` };
  });
  const rename = (text: string) =>
    components.reduce(
      (renamed, { key, component }) =>
        renamed.replaceAll(`"#/$defs/${key}"`, `"#/components/schemas/${component}"`),
      text,
    );
  for (const { component, text } of components) {
    shared[component] = JSON.parse(rename(text)) as JsonSchema;
  }
  return JSON.parse(rename(JSON.stringify(inline))) as JsonSchema;
}

/** Recognises what `z.json()` becomes: a union of scalars, lists and maps of itself. */
function isAnyJson(definition: string, key: string): boolean {
  return (
    definition.startsWith('{"anyOf":[{"type":"string"},{"type":"number"},{"type":"boolean"}') &&
    definition.includes(`"items":{"$ref":"#/$defs/${key}"}`)
  );
}
