import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** Seals secrets for the store. The desktop may bring one of its own (the system's key store). */
export interface Vault {
  /**
   * @param plain   the secret
   * @param purpose what it is for; a sealed text moved to another purpose does not open
   */
  seal(plain: string, purpose: string): string;
  /** @throws Error if it was sealed with another key or for another purpose, or was changed. */
  open(sealed: string, purpose: string): string;
}

/** Bytes of the key (AES-256). */
export const KEY_BYTES = 32;
/** NIST SP 800-38D, 8.2: 96-bit random nonce; a lab seals far fewer than the 2^32 it allows. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Marks the format, so that a later one can stand beside it. */
const FORMAT = 'v1.';

/** AES-256-GCM with the purpose as associated data. */
export class KeyVault implements Vault {
  private readonly key: Buffer;

  constructor(key: Buffer) {
    if (key.length !== KEY_BYTES) throw new Error(`a vault key has ${KEY_BYTES} bytes`);
    this.key = key;
  }

  seal(plain: string, purpose: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce);
    cipher.setAAD(Buffer.from(purpose, 'utf8'));
    const text = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
    return FORMAT + Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64url');
  }

  open(sealed: string, purpose: string): string {
    if (!sealed.startsWith(FORMAT)) throw new Error(CANNOT_OPEN);
    const bytes = Buffer.from(sealed.slice(FORMAT.length), 'base64url');
    if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new Error(CANNOT_OPEN);
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', this.key, nonce, {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(purpose, 'utf8'));
    decipher.setAuthTag(tag);
    try {
      const text = bytes.subarray(NONCE_BYTES + TAG_BYTES);
      return Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new Error(CANNOT_OPEN, { cause });
    }
  }
}

const CANNOT_OPEN =
  'a stored secret cannot be opened with the present key; restore the secret.key (or LABRELAY_KEY) ' +
  'that it was sealed with, or enter the secret anew';
