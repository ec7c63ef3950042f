import { closeSync, openSync } from 'node:fs';

/**
 * SIGHUP says one of two things: read your configuration again, or your terminal was closed. Which of them, the terminal
 * tells: after a hangup it can not be opened any more. A server without one is always told the first.
 * @param reload called for each SIGHUP of the first kind
 * @param stop called for one of the second
 */
export function onHangup(reload: () => void, stop: () => void): void {
  const hadTerminal = hasTerminal();
  process.on('SIGHUP', () => {
    // On Windows it is sent only when the console window was closed.
    if (process.platform === 'win32' || (hadTerminal && !hasTerminal())) stop();
    else reload();
  });
}

/** Whether the process has a controlling terminal. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false; // there is none, or it was hung up
  }
}
