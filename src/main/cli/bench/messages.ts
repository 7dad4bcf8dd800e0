import { randomBytes } from 'node:crypto';

/** Bytes of a benchmark's body: a typical bill or result message. */
export const BODY_BYTES = 1_024;

/** Fills documents up; does not compress away. */
const FILLER = randomBytes(8 * BODY_BYTES).toString('base64url');

/** A bill with a patient of its own. @param bytes its length, one KiB unless told */
export function billEvent(labId: number, id: string, bytes: number = BODY_BYTES): string {
  const bill = billOf(id);
  const empty = JSON.stringify({ lab_id: labId, bill });
  bill.note = FILLER.slice(0, Math.max(0, bytes - empty.length));
  return JSON.stringify({ lab_id: labId, bill });
}

function billOf(id: string) {
  return {
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
}

/** The body of a bulk call: bills, of which the bad ones, evenly spread, lack their id. */
export function bulkBody(
  labId: number,
  call: { records: number; bad: number; recordBytes: number; prefix: string },
): Buffer {
  const isBad = new Set(badPlaces(call));
  const records = Array.from({ length: call.records }, (_, index) => {
    const bill = billOf(`${call.prefix}-${index}`);
    const empty = JSON.stringify({ bill }).length;
    bill.note = FILLER.slice(0, Math.max(0, call.recordBytes - empty));
    return JSON.stringify({ bill: isBad.has(index) ? { ...bill, bill_id: undefined } : bill });
  });
  const head = JSON.stringify({ action_category: 'BILL_GENERATED', lab_id: labId });
  return Buffer.from(`${head.slice(0, -1)},"records":[${records.join(',')}]}`);
}

/** Where the bad records of a bulk call stand. */
export function badPlaces({ records, bad }: { records: number; bad: number }): number[] {
  return Array.from({ length: bad }, (_, index) => Math.floor(((index + 0.5) * records) / bad));
}

/** The same bytes as a bare loop posts them. */
export function bareBody(id: string): string {
  return billEvent(1, id);
}
