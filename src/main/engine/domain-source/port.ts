import type { ObjectWrite } from '../../../shared/model/domain.ts';
import type { IntakePort } from '../intake/port.ts';

/** What reading fresh objects needs of the store, as whole commands. */
export interface DomainObjectPort extends Pick<IntakePort, 'readIntake'> {
  /**
   * Keeps objects as a lab's domain source has them: all or none.
   * @returns false where another changed one of them meanwhile; nothing is kept then
   */
  saveObjects(command: { labId: number; objects: ObjectWrite[]; now: number }): Promise<boolean>;
}
