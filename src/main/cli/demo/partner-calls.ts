import { request } from 'undici';
import { EngineClient } from '../client.ts';
import { LabRelayError } from '../../../shared/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../shared/model/json.ts';

/** What the partner knows of an appointment when it confirms it. */
export const CONFIRMED_AS = ['BOOKED', 'AGAIN', 'CANCELLED', 'NEVER_BOOKED'] as const;

/** One call of the partner's into the lab, as its own process saw it. */
export interface ConfirmationTold {
  lab_id: number;
  appointment_id: string;
  confirmed_as: (typeof CONFIRMED_AS)[number];
  /** The answer's body; null where it was refused. */
  answer: JsonObject | null;
  /** The refusal's code, or what kept the call from being answered. */
  refused: string | null;
}

/** Where the partner reaches LabRelay, and with which key. */
export interface Introduction {
  url: string;
  key: string;
  /** Of the half of its programs that reports as it always has. */
  internal_key: string;
  /** A lab for which the partner has an appointment in its books that nobody made. */
  lab_id: number;
}

/** A report in the older way, about a delivery that it got. */
export interface NoteTold {
  log_id: string;
  /** What LabRelay answered; null: nothing. */
  status: number | null;
}

/** Every fourth confirmation is sent twice, as by a program that lost the answer. */
const TWICE_EVERY = 4;

/**
 * The half of the third party that calls in: told of an appointment, it confirms it by
 * `/appointmentConfirmAPI/`; and it makes the mistakes that such systems make.
 */
export class PartnerCalls {
  readonly #told: ConfirmationTold[] = [];
  readonly #notes: NoteTold[] = [];
  #introduction: Introduction | null = null;
  #client: EngineClient | null = null;
  #underWay = 0;
  #booked = 0;

  /** Calls that are not answered yet. */
  get underWay(): number {
    return this.#underWay;
  }

  get told(): readonly ConfirmationTold[] {
    return this.#told;
  }

  get notes(): readonly NoteTold[] {
    return this.#notes;
  }

  /** From now on LabRelay can be called. */
  introduce(introduction: Introduction): void {
    const { url, key, lab_id } = introduction;
    this.#introduction = introduction;
    this.#client = new EngineClient(new URL(url), key);
    this.#start([[lab_id, 'never-booked', 'NEVER_BOOKED']]);
  }

  /** The body of a delivery about an appointment, in LabRelay's default shape. */
  hear(body: JsonObject): void {
    const { log_id: logId, lab_id: labId, action_category: category, data } = body;
    const appointment = isJsonObject(data) ? data.appointment : null;
    if (typeof labId !== 'number' || !isJsonObject(appointment)) return;
    const id = idOf(appointment.appointment_id);
    if (category === 'APPOINTMENT_CANCELLED') {
      // Its dispatcher has not read its mail: the call comes all the same.
      this.#start([[labId, id, 'CANCELLED']]);
    } else if (appointment.confirm_by === 'api') {
      this.#booked += 1;
      if (this.#booked === 1 && typeof logId === 'string') this.#note(logId);
      const isTwice = this.#booked % TWICE_EVERY === 0;
      this.#start([[labId, id, 'BOOKED'], ...(isTwice ? [[labId, id, 'AGAIN'] as const] : [])]);
    }
  }

  async close(): Promise<void> {
    await this.#client?.close();
  }

  #start(calls: (readonly [number, string, ConfirmationTold['confirmed_as']])[]): void {
    this.#underWay += 1;
    void (async () => {
      for (const call of calls) this.#told.push(await this.#confirm(...call));
      this.#underWay -= 1;
    })();
  }

  /** What older programs do: a free-form word about a delivery, to the address that they always knew. */
  #note(logId: string): void {
    const { url, internal_key: key } = this.#introduction ?? { url: '', internal_key: '' };
    this.#underWay += 1;
    void (async () => {
      let status: number | null = null;
      try {
        const answer = await request(new URL('/jio_integration_status_callback/', url), {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-internal-token': key },
          body: JSON.stringify({ log_id: logId, status: 'FAILED', remark: 'no technician yet' }),
        });
        await answer.body.dump();
        status = answer.statusCode;
      } catch {
        // Told by its missing status.
      }
      this.#notes.push({ log_id: logId, status });
      this.#underWay -= 1;
    })();
  }

  /** Never rejects: what went wrong is told. */
  async #confirm(
    lab_id: number,
    appointment_id: string,
    confirmed_as: ConfirmationTold['confirmed_as'],
  ): Promise<ConfirmationTold> {
    const told = { lab_id, appointment_id, confirmed_as };
    const call = { lab_id, appointment_id, confirmed_by: 'Swift Phlebotomy (made up)' };
    try {
      if (!this.#client) throw new Error('nobody has introduced LabRelay yet');
      const { body } = await this.#client.post('/appointmentConfirmAPI/', JSON.stringify(call));
      return { ...told, answer: body as JsonObject, refused: null };
    } catch (error) {
      return { ...told, answer: null, refused: reasonOf(error) };
    }
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof LabRelayError) return error.code;
  return error instanceof Error ? error.message : String(error);
}

function idOf(value: JsonValue | undefined): string {
  return typeof value === 'number' ? String(value) : typeof value === 'string' ? value : '';
}
