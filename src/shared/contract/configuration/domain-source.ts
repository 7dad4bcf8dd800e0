import { z } from 'zod';
import { DOMAIN_KINDS } from '../../model/vocabulary.ts';
import { id } from '../common.ts';
import { objectId } from '../domain-objects.ts';
import { procedure } from '../procedure.ts';
import { flag, preset, whole } from './fields.ts';
import { endPoint } from './http-fields.ts';

export const DOMAIN_SOURCE_TIMEOUT_MS = 5_000;
export const DOMAIN_SOURCE_CACHE_MS = 30_000;

/** Why a path template cannot be used, with the cure; null: it can. */
function pathFault(path: string): string | null {
  if (!/^\/[\x21-\x7e]*$/.test(path)) return 'must begin with / and hold no spaces';
  if (path.includes('#')) return 'must not hold a fragment; remove the # and what follows';
  const names = [...path.matchAll(/\{([^{}]*)\}/g)].map(([, name]) => name);
  if (!names.includes('id')) return 'must hold {id}, where the id of the object goes';
  const unknown = names.find((name) => name !== 'id' && name !== 'lab_id');
  if (unknown !== undefined) return `holds {${unknown}}; only {id} and {lab_id} are filled in`;
  if (/[{}]/.test(path.replaceAll(/\{[^{}]*\}/g, ''))) return 'has a brace without its other half';
  return /(^|\/)\.{1,2}(\/|$|\?)/.test(path) ? 'must not hold . or .. as a part' : null;
}

const objectPath = z.strictObject({
  /** Appended to base_url; `{id}` and `{lab_id}` are filled in, URL-encoded. */
  path: z
    .string({ error: 'must be a path such as /bills/{id}' })
    .max(500, { error: 'must have at most 500 characters' })
    .superRefine((path, context) => {
      const fault = pathFault(path);
      if (fault) context.addIssue({ code: 'custom', message: fault });
    }),
  /** JSON pointer to the object in the answer, e.g. `/data`; left out: the answer is the object. */
  object_at: z
    .string({ error: 'must be a JSON pointer such as /data' })
    .max(500, { error: 'must have at most 500 characters' })
    .regex(/^(\/([^~/]|~[01])*)+$/, { error: 'must be a JSON pointer such as /data (RFC 6901)' })
    .nullish(),
});

const paths = Object.fromEntries(
  DOMAIN_KINDS.map((kind) => [kind, objectPath.optional()]),
) as Record<(typeof DOMAIN_KINDS)[number], z.ZodOptional<typeof objectPath>>;

/** Given as a whole: what is left out has its default again. */
export const domainSourceInput = z.strictObject({
  base_url: endPoint.refine((url) => !url.includes('?'), {
    error: 'must not hold a query; put it into the paths',
  }),
  /** One of the lab's, or of its organization's; left out: the system asks for no credentials. */
  developer_authentication_id: id.nullish(),
  objects: z.strictObject(paths).refine((given) => Object.keys(given).length > 0, {
    error: `must name at least one of ${DOMAIN_KINDS.join(', ')}`,
  }),
  timeout_ms: preset(whole(100, 60_000), DOMAIN_SOURCE_TIMEOUT_MS),
  cache_ms: preset(whole(0, 3_600_000), DOMAIN_SOURCE_CACHE_MS),
  /** PEM certificates that are trusted beside the system's own: a lab's own authority. */
  ca: z
    .string({ error: 'must be PEM certificates' })
    .max(200_000, { error: 'must have at most 200000 characters' })
    .nullish(),
  is_active: preset(flag, true),
});

const pathDocument = z.object({ path: z.string(), object_at: z.string().nullable() });

export const domainSourceDocument = z.object({
  base_url: z.string(),
  developer_authentication_id: z.int().nullable(),
  objects: z.partialRecord(z.enum(DOMAIN_KINDS), pathDocument),
  timeout_ms: z.int(),
  cache_ms: z.int(),
  ca: z.string().nullable(),
  is_active: z.boolean(),
});

export type DomainSourceInput = z.output<typeof domainSourceInput>;
export type DomainSourceDocument = z.output<typeof domainSourceDocument>;

export const domainSourceProcedures = {
  testDomainSource: procedure({
    summary:
      'Reads one object from a lab’s domain source and tells which fields came, not what is in them; keeps nothing',
    role: 'operator',
    audit: 'clear',
    input: z.strictObject({
      lab_id: id,
      kind: z.enum(DOMAIN_KINDS, { error: `must be one of ${DOMAIN_KINDS.join(', ')}` }),
      id: objectId,
    }),
    output: z.object({
      ok: z.boolean(),
      steps: z.array(
        z.object({
          name: z.enum(['configuration', 'credentials', 'request', 'object']),
          ok: z.boolean(),
          /** What was found, or what to mend; never a secret, never a value. */
          detail: z.string(),
          time_ms: z.number(),
        }),
      ),
      response_status_code: z.int().nullable(),
      /** Names of the object's own fields. */
      fields: z.array(z.string()),
    }),
  }),
};
