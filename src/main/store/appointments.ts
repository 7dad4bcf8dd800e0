import type { Database } from 'better-sqlite3';
import {
  type AppointmentQuery,
  appointmentStatus,
  type KeptAppointment,
  NO_TIME,
  scheduledAt,
} from '../../shared/model/appointment.ts';
import type { JsonObject } from '../../shared/model/json.ts';
import type { AppointmentStatus, ObjectKind } from '../../shared/model/vocabulary.ts';
import { decodeBody, type StoredBody } from './bodies.ts';

interface AppointmentRow {
  object_seq: number;
  id: string;
  document: StoredBody;
  due_at: number;
  updated_at: number;
}

/** Columns that appointments are listed by; other kinds of object have none. */
interface Listed {
  status: AppointmentStatus | null;
  dueAt: number | null;
}

const UNLISTED: Listed = { status: null, dueAt: null };

/** What an object is listed by, read from its document (JSON). */
export function listedBy(kind: ObjectKind, document: string): Listed {
  if (kind !== 'appointment') return UNLISTED;
  const appointment = JSON.parse(document) as JsonObject;
  return {
    status: appointmentStatus(appointment),
    dueAt: scheduledAt(appointment) ?? NO_TIME,
  };
}

/** A page is read off the index in its order, from the place where it starts. */
const SELECT = (index: string, status: string) =>
  `SELECT object_seq, id, document, due_at, updated_at FROM domain_object INDEXED BY ${index}
   WHERE kind = 'appointment' AND lab_id = ? ${status}
     AND (due_at, object_seq) > (?, ?) AND due_at < ?
   ORDER BY due_at, object_seq LIMIT ?`;

/** Lists of appointments. */
export function createAppointmentQueries(db: Database) {
  const all = db.prepare<[number, number, number, number, number], AppointmentRow>(
    SELECT('appointment_by_time', ''),
  );
  const ofStatus = db.prepare<[number, string, number, number, number, number], AppointmentRow>(
    SELECT('appointment_by_status', 'AND status = ?'),
  );
  const patient = db
    .prepare<[string, number], StoredBody>(
      "SELECT document FROM domain_object WHERE id = ? AND kind = 'patient' AND lab_id = ?",
    )
    .pluck();

  const patientOf = (labId: number, { patient_id: id }: JsonObject): JsonObject | null => {
    if (typeof id !== 'string' && typeof id !== 'number') return null;
    const stored = patient.get(String(id), labId);
    return stored === undefined ? null : parse(stored);
  };

  return {
    listAppointments({
      labId,
      status,
      from,
      to,
      after,
      limit,
    }: AppointmentQuery): KeptAppointment[] {
      const earliest = from ?? -NO_TIME;
      // Every object_seq is above 0. A cursor of another list starts no earlier than asked for.
      const { dueAt, objectSeq } =
        after && after.dueAt >= earliest ? after : { dueAt: earliest, objectSeq: 0 };
      const before = to ?? NO_TIME + 1;
      const rows =
        status === null
          ? all.all(labId, dueAt, objectSeq, before, limit)
          : ofStatus.all(labId, status, dueAt, objectSeq, before, limit);
      return rows.map((row) => {
        const document = parse(row.document);
        return {
          place: { dueAt: row.due_at, objectSeq: row.object_seq },
          id: row.id,
          document,
          patient: patientOf(labId, document),
          updatedAt: row.updated_at,
        };
      });
    },
  };
}

function parse(stored: StoredBody): JsonObject {
  return JSON.parse(decodeBody(stored)) as JsonObject;
}
