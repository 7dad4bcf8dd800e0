import { randomBytes } from 'node:crypto';

/** Bytes of a benchmark's body: a typical bill or result message. */
export const BODY_BYTES = 1_024;

/** Fills documents up; does not compress away. */
const FILLER = randomBytes(BODY_BYTES).toString('base64url');

/** A bill of about one KiB, every one with a patient of its own. */
export function billEvent(labId: number, id: string): string {
  const bill = {
    bill_id: id,
    bill_date: '2026-11-23T08:30:00.000Z',
    patient: {
      patient_id: `P-${id}`,
      name: 'Benchmark Patient',
      sex: 'F',
      birth_date: '1980-02-29',
    },
    items: [
      { test_code: 'CBC', name: 'Complete blood count', price: 350 },
      { test_code: 'LFT', name: 'Liver function test', price: 900 },
    ],
    total: 1_250,
    note: '',
  };
  const empty = JSON.stringify({ lab_id: labId, bill });
  bill.note = FILLER.slice(0, Math.max(0, BODY_BYTES - empty.length));
  return JSON.stringify({ lab_id: labId, bill });
}

/** The same bytes as a bare loop posts them. */
export function bareBody(id: string): string {
  return billEvent(1, id);
}
