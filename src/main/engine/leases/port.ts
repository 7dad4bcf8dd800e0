import type { ClaimedTask } from '../../../shared/model/delivery.ts';
import type {
  HeldLease,
  Lease,
  LeaseFigures,
  LeaseSettled,
  LeaseWish,
  SettleLease,
  StartLease,
} from '../../../shared/model/lease.ts';

/** What the room of outside workers needs of the store, as whole commands. */
export interface LeasePort {
  /**
   * Claims ready tasks of external integrations, by the rules of every claim (order, concurrency,
   * rate, breaker, holds); no more than their bodies' bytes allow.
   */
  lease(wish: LeaseWish): Promise<ClaimedTask[]>;
  /** The task that a lease holds; null where it holds none. */
  leasedTask(lease: Lease): Promise<HeldLease | null>;
  /**
   * Stamps the attempt of a lease that still runs; once more changes nothing but where it goes.
   * @returns until when the lease runs; null where it holds no task, or has run out
   */
  startLease(start: StartLease): Promise<number | null>;
  /** @returns until when the lease runs from now on; null likewise */
  extendLease(request: { lease: Lease; leaseUntil: number; now: number }): Promise<number | null>;
  /** Ends a leased task with its outcome, or lets it wait in its place where nothing was sent. */
  settleLease(settlement: SettleLease): Promise<LeaseSettled>;
  /** Gives a task back that was not started. @returns whether the lease held one */
  releaseLease(request: { lease: Lease }): Promise<boolean>;
  /** How the tasks of active external integrations stand. */
  leaseFigures(): Promise<LeaseFigures[]>;
  /** Takes back what was leased and not started, of one integration or of all. @returns how many */
  takeBackLeases(request: { labIntegrationId: number | null }): Promise<number>;
}
