import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { z } from 'zod';
import type { PassphraseSealedKey } from '../../../shared/model/backup.ts';
import { KEY_BYTES } from './vault.ts';

/** Shorter ones are guessed: whoever has the file may try for as long as they like. */
export const PASSPHRASE_LENGTH = 12;

/** OWASP's advice for scrypt (2024): 128 MiB and about half a second a guess. */
const COST = { n: 2 ** 17, r: 8, p: 1 };
const SALT_BYTES = 16;
/** NIST SP 800-38D, 8.2: 96-bit random nonce; each key of scrypt seals once. */
const NONCE_BYTES = 12;
/** Binds the sealed bytes to what they are for. */
const PURPOSE = Buffer.from('labrelay/backup-key/v1');

const base64 = z.string().regex(/^[A-Za-z0-9+/]+=*$/);
/** A file comes from outside: costs beyond these would only keep the machine busy. */
const sealedKey = z.object({
  kdf: z.literal('scrypt'),
  n: z
    .int()
    .min(2)
    .max(2 ** 20),
  r: z.int().min(1).max(16),
  p: z.int().min(1).max(4),
  salt: base64,
  nonce: base64,
  tag: base64,
  sealed: base64,
});

/** Seals the key that opens a store's secrets, so that it may travel with a backup. */
export async function sealKey(key: Buffer, passphrase: string): Promise<PassphraseSealedKey> {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', await derive(passphrase, salt, COST), nonce);
  cipher.setAAD(PURPOSE);
  const sealed = Buffer.concat([cipher.update(key), cipher.final()]);
  return {
    kdf: 'scrypt',
    ...COST,
    salt: salt.toString('base64'),
    nonce: nonce.toString('base64'),
    tag: cipher.getAuthTag().toString('base64'),
    sealed: sealed.toString('base64'),
  };
}

/**
 * Opens a sealed key.
 * @param text the JSON of a {@link PassphraseSealedKey}
 * @returns null where the passphrase is another one, or the text was changed
 */
export async function openSealedKey(text: string, passphrase: string): Promise<Buffer | null> {
  const parsed = sealedKey.safeParse(jsonOf(text));
  if (!parsed.success) return null;
  const { salt, nonce, tag, sealed, ...cost } = parsed.data;
  const bytes = (field: string) => Buffer.from(field, 'base64');
  try {
    const key = await derive(passphrase, bytes(salt), cost);
    const decipher = createDecipheriv('aes-256-gcm', key, bytes(nonce));
    decipher.setAAD(PURPOSE);
    decipher.setAuthTag(bytes(tag));
    const opened = Buffer.concat([decipher.update(bytes(sealed)), decipher.final()]);
    return opened.length === KEY_BYTES ? opened : null;
  } catch {
    // OpenSSL's words for a wrong tag or a wrong length would help nobody.
    return null;
  }
}

function derive(
  passphrase: string,
  salt: Buffer,
  { n, r, p }: { n: number; r: number; p: number },
): Promise<Buffer> {
  // The same passphrase typed on another keyboard is the same passphrase.
  const text = passphrase.normalize('NFKC');
  return new Promise((resolve, reject) => {
    const options = { N: n, r, p, maxmem: 256 * n * r };
    scrypt(text, salt, KEY_BYTES, options, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
