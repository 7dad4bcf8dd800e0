import { expect, expectAccessible, signIn, test } from './fixtures.ts';

test('shows lastingly that deliveries are paused, to whoever is signed in and whoever is not', async ({
  page,
  lab,
}) => {
  const banner = page.getByText(/Deliveries are paused since/);
  await lab.engine.call('setDeliveryPaused', { paused: true, reason: 'restored yesterday' });
  await page.goto(lab.engine.url);
  await expect(banner).toBeVisible();
  await expect(page.getByText('restored yesterday')).toHaveCount(0);
  await signIn(page, lab.engine);
  await lab.bill('B-1');
  await expect(banner).toBeVisible();
  // There is nothing on it that would make it go.
  await expect(banner.getByRole('button')).toHaveCount(0);
  await expectAccessible(page);
  expect(lab.partner.bodies).toEqual([]);

  await lab.engine.call('setDeliveryPaused', { paused: false });
  await expect(banner).toHaveCount(0);
  await expect.poll(() => lab.partner.bodies.length).toBe(1);
});
