import type { JsonObject } from '../../../shared/model/json.ts';

/** Made-up objects for previews: nobody's data. */
export const samplePatient: JsonObject = {
  patient_id: 90_001,
  name: 'Asha Example',
  gender: 'F',
  date_of_birth: '1990-04-01',
  mobile: '0000000000',
  source_updated_at: '2026-01-05T09:00:00.000Z',
};

export const sampleBill: JsonObject = {
  bill_id: 70_001,
  bill_number: 'B-70001',
  bill_date: '2026-01-05T09:00:00.000Z',
  total_amount: 1250,
  currency: 'INR',
  tests: [
    { test_id: 11, code: 'CBC', name: 'Complete blood count', amount: 450 },
    { test_id: 12, code: 'LIPID', name: 'Lipid profile', amount: 800 },
  ],
  patient: samplePatient,
  source_updated_at: '2026-01-05T09:00:00.000Z',
};

export const sampleSample: JsonObject = {
  sample_id: 50_001,
  accession_number: 'A-50001',
  bill_id: 70_001,
  specimen_type: 'EDTA blood',
  received_at: '2026-01-05T10:00:00.000Z',
  tests: ['CBC'],
  patient: samplePatient,
  source_updated_at: '2026-01-05T10:00:00.000Z',
};

export const sampleReport: JsonObject = {
  report_id: 30_001,
  sample_id: 50_001,
  bill_id: 70_001,
  test_code: 'CBC',
  results: [{ code: 'HGB', name: 'Haemoglobin', value: 13.2, unit: 'g/dL', range: '12.0-15.0' }],
  patient: samplePatient,
  source_updated_at: '2026-01-05T12:00:00.000Z',
};

export const sampleAppointment: JsonObject = {
  appointment_id: 20_001,
  scheduled_at: '2026-01-06T08:30:00.000Z',
  status: 'BOOKED',
  patient: samplePatient,
  source_updated_at: '2026-01-05T08:00:00.000Z',
};
