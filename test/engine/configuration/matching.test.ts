import { expect, test } from 'vitest';
import { openRoom, RULE } from './room.ts';

/** Names of the rules that fire for a lab's event. */
async function roomWithRules() {
  const room = await openRoom();
  const { configuration } = room;
  const rule = (name: string, owner: { labId?: number; organizationId?: number }, category = 1) =>
    configuration.saveLabIntegration(
      { ...RULE, name, ...owner, actionCategoryListId: category },
      'test',
    );
  const fired = (labId: number, category = 1) => {
    const lab = configuration.lab(labId);
    if (!lab) throw new Error(`no lab ${labId}`);
    return configuration.rulesFor(lab, category).map((one) => one.name);
  };
  await rule('own of 1', { labId: 1 });
  await rule('of the group', { organizationId: 10 });
  await rule('second own of 1', { labId: 1 });
  await rule('own of 3', { labId: 3 });
  await rule('updates of 1', { labId: 1 }, 2);
  return { ...room, rule, fired };
}

test('an event fires its lab’s rules and those of the lab’s organization, in id order', async () => {
  const { fired } = await roomWithRules();
  expect(fired(1)).toEqual(['own of 1', 'of the group', 'second own of 1']);
  expect(fired(2)).toEqual(['of the group']);
  expect(fired(3)).toEqual(['own of 3']);
  expect(fired(1, 2)).toEqual(['updates of 1']);
  expect(fired(2, 2)).toEqual([]);
  expect(fired(1, 999)).toEqual([]);
});

test('a soft-disabled rule fires no more, and again once it is enabled', async () => {
  const { configuration, fired } = await roomWithRules();
  await configuration.saveLabIntegration({ labIntegrationId: 2, isActive: false }, 'test');
  expect(fired(1)).toEqual(['own of 1', 'second own of 1']);
  expect(configuration.integration(2)?.isActive).toBe(false);
  await configuration.saveLabIntegration({ labIntegrationId: 2, isActive: true }, 'test');
  expect(fired(2)).toEqual(['of the group']);
});

test('an inactive lab or category fires nothing', async () => {
  const { configuration, fired } = await roomWithRules();
  await configuration.saveLab({ labId: 3, isActive: false });
  expect(fired(3)).toEqual([]);
  await configuration.saveActionCategory({ actionCategoryListId: 1, isActive: false });
  expect(fired(1)).toEqual([]);
  expect(fired(1, 2)).toEqual(['updates of 1']);
});

test('a lab that joins or leaves an organization gets and loses its rules', async () => {
  const { configuration, fired } = await roomWithRules();
  await configuration.saveLab({ labId: 3, organizationId: 10 });
  expect(fired(3)).toEqual(['of the group', 'own of 3']);
  await configuration.saveLab({ labId: 2, organizationId: null });
  expect(fired(2)).toEqual([]);
});

test('a restart finds the same rules', async () => {
  const { restart } = await roomWithRules();
  const again = await restart();
  const lab = again.lab(1);
  expect(lab && again.rulesFor(lab, 1).map((one) => one.labIntegrationId)).toEqual([1, 2, 3]);
});
