/**
 * Invented people, doctors and prices for the demo; no entry is a real person. Telephone numbers
 * use ranges that are not assigned, addresses of the mail kind end in `.example` (RFC 2606).
 */

export const WOMEN = [
  'Ananya Deshpande',
  'Meera Krishnan',
  'Farah Qureshi',
  'Lakshmi Iyer',
  'Zawadi Mwangi',
  'Ingrid Solberg',
  'Priya Nair',
  'Grace Achieng',
] as const;

export const MEN = [
  'Rohan Kulkarni',
  'Arjun Patil',
  'Imran Shaikh',
  'Tomás Ferreira',
  'Baraka Otieno',
  'Vikram Joshi',
  'Søren Lindqvist',
  'Nikhil Rao',
] as const;

export const DOCTORS = [
  'Dr. S. Gokhale',
  'Dr. A. Fernandes',
  'Dr. N. Wanjiru',
  'Dr. R. Subramaniam',
] as const;

export const TOWNS = [
  { city: 'Pune', country: 'IN', dial: '+91-00000' },
  { city: 'Nashik', country: 'IN', dial: '+91-00000' },
  { city: 'Mombasa', country: 'KE', dial: '+254-000' },
] as const;

/** One measured quantity of a test panel: LOINC code, unit, reference range. */
export interface Analyte {
  name: string;
  loinc: string;
  unit: string;
  low: number;
  high: number;
  decimals: number;
}

export interface Panel {
  code: string;
  name: string;
  specimen: 'EDTA blood' | 'serum' | 'urine';
  price: number;
  analytes: readonly Analyte[];
}

const analyte = (
  name: string,
  loinc: string,
  unit: string,
  low: number,
  high: number,
  decimals = 1,
): Analyte => ({ name, loinc, unit, low, high, decimals });

export const PANELS: readonly [Panel, ...Panel[]] = [
  {
    code: 'CBC',
    name: 'Complete blood count',
    specimen: 'EDTA blood',
    price: 350,
    analytes: [
      analyte('Haemoglobin', '718-7', 'g/dL', 12, 16.5),
      analyte('Leukocytes', '6690-2', '10*3/uL', 4, 11),
      analyte('Platelets', '777-3', '10*3/uL', 150, 410, 0),
    ],
  },
  {
    code: 'LFT',
    name: 'Liver function',
    specimen: 'serum',
    price: 780,
    analytes: [
      analyte('ALT', '1742-6', 'U/L', 7, 45, 0),
      analyte('AST', '1920-8', 'U/L', 8, 40, 0),
      analyte('Bilirubin, total', '1975-2', 'mg/dL', 0.2, 1.2),
    ],
  },
  {
    code: 'HBA1C',
    name: 'Glycated haemoglobin',
    specimen: 'EDTA blood',
    price: 520,
    analytes: [analyte('HbA1c', '4548-4', '%', 4, 5.6)],
  },
  {
    code: 'TSH',
    name: 'Thyroid stimulating hormone',
    specimen: 'serum',
    price: 300,
    analytes: [analyte('TSH', '3016-3', 'mIU/L', 0.4, 4.2, 2)],
  },
  {
    code: 'LIPID',
    name: 'Lipid profile',
    specimen: 'serum',
    price: 650,
    analytes: [
      analyte('Cholesterol', '2093-3', 'mg/dL', 120, 200, 0),
      analyte('HDL cholesterol', '2085-9', 'mg/dL', 40, 60, 0),
      analyte('Triglycerides', '2571-8', 'mg/dL', 60, 150, 0),
    ],
  },
];
