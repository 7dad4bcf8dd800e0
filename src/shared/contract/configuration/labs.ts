import { z } from 'zod';
import { id } from '../common.ts';
import { procedure } from '../procedure.ts';
import { domainSourceDocument, domainSourceInput } from './domain-source.ts';
import { flag, line, preset } from './fields.ts';

/** True for an IANA time zone name that this runtime knows. */
function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}

const organizationDocument = z.object({ organization_id: z.int(), name: z.string() });

const labDocument = z.object({
  lab_id: z.int(),
  name: z.string(),
  organization_id: z.int().nullable(),
  time_zone: z.string(),
  is_active: z.boolean(),
  domain_source: domainSourceDocument.nullable(),
});

const actionCategoryDocument = z.object({
  action_category_list_id: z.int(),
  code: z.string(),
  name: z.string(),
  /** Seeded with LabRelay, with a trigger of its own. */
  is_built_in: z.boolean(),
  is_active: z.boolean(),
});

export type OrganizationDocument = z.output<typeof organizationDocument>;
export type LabDocument = z.output<typeof labDocument>;
export type ActionCategoryDocument = z.output<typeof actionCategoryDocument>;

/** Labs, organizations and action categories: what rules are keyed by. */
export const labProcedures = {
  listLabs: procedure({
    summary: 'All labs, by id',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({ organization_id: id.optional() }),
    output: z.object({ items: z.array(labDocument) }),
  }),
  addUpdateLab: procedure({
    summary: "Adds a lab under the lab system's own id, or changes it; fields left out stay",
    role: 'admin',
    audit: 'change',
    input: z.strictObject({
      lab_id: id,
      name: line(200).optional(),
      organization_id: id.nullish(),
      time_zone: preset(
        line(60).refine(isTimeZone, { error: 'must be an IANA name, e.g. Asia/Kolkata' }),
        'UTC',
      ),
      /** An inactive lab takes no events and matches no rules. */
      is_active: preset(flag, true),
      /** The lab's information system; given as a whole, null removes it. */
      domain_source: domainSourceInput.nullish(),
    }),
    output: labDocument,
  }),
  listOrganizations: procedure({
    summary: 'All organizations, by id',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({}),
    output: z.object({ items: z.array(organizationDocument) }),
  }),
  addUpdateOrganization: procedure({
    summary: "Adds an organization under the lab system's own id, or renames it",
    role: 'admin',
    audit: 'change',
    input: z.strictObject({ organization_id: id, name: line(200) }),
    output: organizationDocument,
  }),
  getActionCategoryList: procedure({
    summary: 'The action category list, by id',
    role: 'viewer',
    audit: 'none',
    input: z.strictObject({ is_active: flag.optional() }),
    output: z.object({ items: z.array(actionCategoryDocument) }),
  }),
  addUpdateActionCategory: procedure({
    summary: 'Adds an action category of your own, or renames, enables or disables one',
    role: 'admin',
    audit: 'change',
    input: z.strictObject({
      action_category_list_id: id.optional(),
      code: z
        .string()
        .regex(/^[A-Z][A-Z0-9_]{1,63}$/, {
          error: 'must be 2 to 64 capitals, digits and underscores, e.g. HOME_VISIT_BOOKED',
        })
        .optional(),
      name: line(200).optional(),
      is_active: preset(flag, true),
    }),
    output: actionCategoryDocument,
  }),
};
