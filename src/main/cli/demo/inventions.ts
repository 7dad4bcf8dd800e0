import type { JsonObject } from '../../../shared/model/json.ts';
import { DOCTORS, MEN, type Panel, TOWNS, WOMEN } from './catalogue.ts';
import { MOMBASA, NASHIK } from './events.ts';
import type { Random } from './random.ts';

const YOUNGEST_BORN = 2019;

/** A person with a name, a telephone number and a town fit for the lab; nobody real. */
export function inventPatient(
  random: Random,
  labId: number,
  { patientId, withoutBirthDate }: { patientId: string; withoutBirthDate: boolean },
): JsonObject {
  const isWoman = random.chance(0.5);
  const town = TOWNS[labId === MOMBASA ? 2 : labId === NASHIK ? 1 : 0];
  const year = random.between(1941, YOUNGEST_BORN);
  const birth = `${year}-${pad(random.between(1, 12))}-${pad(random.between(1, 28))}`;
  return {
    patient_id: patientId,
    name: random.pick(isWoman ? WOMEN : MEN),
    gender: isWoman ? 'F' : 'M',
    date_of_birth: withoutBirthDate ? `about ${YOUNGEST_BORN + 7 - year} years` : birth,
    mobile: `${town.dial}-${random.between(10_000, 99_999)}`,
    address: { city: town.city, country: town.country },
  };
}

/** A bill over one panel, in the lab's currency. */
export function inventBill(random: Random, panel: Panel, labId: number): JsonObject {
  return {
    currency: labId === MOMBASA ? 'KES' : 'INR',
    referred_by: random.pick(DOCTORS),
    tests: [{ code: panel.code, name: panel.name, amount: panel.price }],
    total_amount: panel.price,
    discount: 0,
  };
}

/** Results of a panel, most of them within the reference range. */
export function measure(random: Random, panel: Panel): JsonObject[] {
  return panel.analytes.map(({ name, loinc, unit, low, high, decimals }) => {
    const spread = high - low;
    const value = low + spread * (random.next() * 1.3 - 0.1);
    return {
      name,
      code: loinc,
      value: Number(value.toFixed(decimals)),
      unit,
      range: `${low}-${high}`,
      flag: value < low ? 'L' : value > high ? 'H' : 'N',
    };
  });
}

const pad = (number: number): string => String(number).padStart(2, '0');
