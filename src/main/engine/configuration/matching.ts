import type { ActionCategory, Lab, LabIntegration } from '../../../shared/model/configuration.ts';

/** Active rules by lab and category: its own and its organization's, in id order. */
export type RuleIndex = ReadonlyMap<number, ReadonlyMap<number, readonly LabIntegration[]>>;

const NONE: readonly LabIntegration[] = [];

/**
 * Lays out which rules fire where, so that an event finds them with two look-ups. Inactive labs,
 * categories and rules are left out.
 */
export function indexRules(
  labs: Iterable<Lab>,
  categories: Iterable<ActionCategory>,
  integrations: Iterable<LabIntegration>,
): RuleIndex {
  const activeCategories = new Set(
    [...categories].filter((one) => one.isActive).map((one) => one.actionCategoryListId),
  );
  const ofLab = new Map<number, LabIntegration[]>();
  const ofOrganization = new Map<number, LabIntegration[]>();
  for (const rule of integrations) {
    if (!rule.isActive || !activeCategories.has(rule.actionCategoryListId)) continue;
    if (rule.labId !== null) append(ofLab, rule.labId, rule);
    else if (rule.organizationId !== null) append(ofOrganization, rule.organizationId, rule);
  }
  const index = new Map<number, Map<number, LabIntegration[]>>();
  for (const lab of labs) {
    if (!lab.isActive) continue;
    const own = ofLab.get(lab.labId) ?? NONE;
    const shared =
      lab.organizationId === null ? NONE : (ofOrganization.get(lab.organizationId) ?? NONE);
    const byCategory = new Map<number, LabIntegration[]>();
    const inOrder = [...own, ...shared].sort((a, b) => a.labIntegrationId - b.labIntegrationId);
    for (const rule of inOrder) append(byCategory, rule.actionCategoryListId, rule);
    index.set(lab.labId, byCategory);
  }
  return index;
}

/** The rules that an event of this lab and category fires. */
export function matchRules(
  index: RuleIndex,
  labId: number,
  actionCategoryListId: number,
): readonly LabIntegration[] {
  return index.get(labId)?.get(actionCategoryListId) ?? NONE;
}

/** Whether a rule or credential of this owner is at the lab's disposal. */
export function appliesToLab(
  owner: { labId: number | null; organizationId: number | null },
  lab: Lab,
): boolean {
  return (
    owner.labId === lab.labId ||
    (owner.organizationId !== null && owner.organizationId === lab.organizationId)
  );
}

function append<V>(map: Map<number, V[]>, key: number, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
