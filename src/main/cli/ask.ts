import { createInterface } from 'node:readline';

/**
 * Asks whoever sits at the terminal.
 * @param output where the question and what is typed are shown
 * @throws Error where no answer comes (Ctrl-C, Ctrl-D)
 */
export function askOnTerminal(
  question: string,
  output: NodeJS.WritableStream = process.stderr,
): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output, terminal: true });
  return new Promise((resolve, reject) => {
    terminal.once('close', () => reject(new Error('Stopped; nothing was done.')));
    terminal.question(question, (answer) => {
      resolve(answer);
      terminal.close();
    });
  });
}
