/** `task.priority`: the ready index is read in this order. */
export const STAT = 0;
export const ROUTINE = 1;
