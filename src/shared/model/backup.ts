/** How much a store holds. The copy is counted as well: both must be the same. */
export interface StoreCounts {
  logs: number;
  openTasks: number;
  attempts: number;
  events: number;
  domainObjects: number;
  labIntegrations: number;
}

/** The key that opens a store's secrets, sealed under a passphrase; bytes are base64. */
export interface PassphraseSealedKey {
  kdf: 'scrypt';
  n: number;
  r: number;
  p: number;
  salt: string;
  nonce: string;
  tag: string;
  sealed: string;
}

/** A copy to be made of a store that may be in use. */
export interface BackupRequest {
  /** Where the copy is to lie; its folder exists. */
  target: string;
  /** Whether a file that lies there may be replaced. */
  overwrite: boolean;
  /** Goes into the copy beside the store; null: whoever restores must have the key file. */
  sealedKey: PassphraseSealedKey | null;
  /** Epoch milliseconds. */
  madeAt: number;
  /** Version of the LabRelay that makes it. */
  madeBy: string;
}

/** A copy that was made and verified. */
export interface BackupMade {
  file: string;
  bytes: number;
  schemaVersion: number;
  counts: StoreCounts;
}
