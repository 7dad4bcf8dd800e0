/**
 * JSONata mappings as partners ask for them. Each passes `$log_id` on, by which a partner can name
 * a delivery.
 */

export const CLAIM = `{
  "log_id": $log_id,
  "claim": bill.bill_id,
  "member": bill.patient.name,
  "lines": [bill.tests.{"code": code, "amount": amount}],
  "amount": $sum(bill.tests.amount)
}`;
export const PAYMENT = `{
  "log_id": $log_id,
  "receipt": payment.payment_id,
  "bill": bill.bill_id,
  "amount": $number(payment.amount)
}`;
/** Throws where the date of birth is no date, as a careless mapping does; the category's sample has one. */
export const PATIENT = `{
  "log_id": $log_id,
  "id": patient.patient_id,
  "name": patient.name,
  "born_ms": $toMillis(patient.date_of_birth)
}`;
export const ORDER = `{
  "log_id": $log_id,
  "accession": sample.accession_number,
  "specimen": sample.specimen_type,
  "order": [sample.tests],
  "patient": sample.patient.name
}`;
