import { expect, it } from 'vitest';
import { generateKey } from '../../../src/main/engine/configuration/access-keys.ts';
import { CallCapture } from '../../../src/main/engine/inbound/call-capture.ts';

it('A key in place of an id is not kept with what a refused call is about', () => {
  const token = generateKey('inbound');
  const headers = { authorization: `Bearer ${token}` };
  const arrival = { ip: '::1', method: 'POST', url: '/appointmentConfirmAPI/', headers, token };
  const call = new CallCapture(arrival, 0);
  call.about({ references: [{ kind: 'appointment', id: token }] });
  call.problem = 'UNKNOWN_APPOINTMENT';
  const kept = call.answered({ status: 404, headers: {}, body: `{"id":"${token}"}` });
  expect(kept.references).toEqual([{ kind: 'appointment', id: '••••' }]);
  expect(JSON.stringify(kept)).not.toContain(token);
});
