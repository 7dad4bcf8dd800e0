import type { z } from 'zod';
import type { Role } from '../model/vocabulary.ts';

/**
 * `none`: only reads, and shows nothing in clear. `change`: changes something, here or at a partner.
 * `clear`: shows patient data, or searches in it. `itself`: its handler writes the entry, since only it
 * knows whether there is anything to tell.
 */
export type Audit = 'none' | 'change' | 'clear' | 'itself';

/**
 * One procedure of the contract. It is bound once to HTTP (`POST /api/v1/<kebab-case-name>`) and
 * once to IPC; both validate the input, check the role and encode the output from these schemas.
 */
export interface Procedure<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  /** One line for the OpenAPI page: what it does. */
  summary: string;
  /** The weakest role that may call it. */
  role: Role;
  /** What the audit chain keeps of its calls; required, so that nobody forgets to think of it. */
  audit: Audit;
  /** For a procedure that is not audited as such: whether this input makes it read in clear. */
  readsInClear?(input: z.output<I>): boolean;
  /** Fields of the input that are words of closed sets: the audit chain keeps the words themselves. */
  auditedWords?: readonly string[];
  /** The id that its output gives to what it makes, where its input has ids of its own. */
  madeId?: string;
  input: I;
  output: O;
}

/** Declares a procedure; only infers its types. */
export function procedure<I extends z.ZodType, O extends z.ZodType>(
  declaration: Procedure<I, O>,
): Procedure<I, O> {
  return declaration;
}

/** `addUpdateLab` → `add-update-lab`, the procedure's path segment. */
export function kebabCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
