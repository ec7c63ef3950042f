/** Time from one token of a stream to its next that steps are cut for where nothing else is said, milliseconds. */
export const defaultInterTokenTarget = 150;
