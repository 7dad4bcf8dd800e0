/** pino-roll ships no types; this is the part that is used. */
declare module 'pino-roll' {
  import type { SonicBoom } from 'sonic-boom';

  export default function roll(options: {
    file: string;
    size: string;
    mode: number;
    sync: boolean;
    limit: { count: number; removeOtherLogFiles: boolean };
  }): Promise<SonicBoom>;
}
