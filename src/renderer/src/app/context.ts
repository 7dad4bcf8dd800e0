import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { Console, ConsoleState } from './state.ts';

export const ConsoleContext = createContext<Console | null>(null);

/** The console that the page belongs to. */
export function useConsole(): Console {
  const value = useContext(ConsoleContext);
  if (!value) throw new Error('useConsole outside of a ConsoleContext');
  return value;
}

/** A part of the console's state; the component renders again when that part changes. */
export function useConsoleState<T>(select: (state: ConsoleState) => T): T {
  return useStore(useConsole().store, select);
}

/** Whether who is signed in may act; the server decides, this only spares viewers a refusal. */
export function useIsOperator(): boolean {
  return useConsoleState(({ session }) => session.state === 'in' && session.who.role !== 'viewer');
}
