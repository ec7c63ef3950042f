import { createHash } from 'node:crypto';

/** What a signature begins with that holds the thinking itself, in base64url. */
const holding = 'heddle-thinking.';

/**
 * The signature of a thinking block. Nothing is verified by it: thinking of other servers is taken over too.
 * @param isOmitted the block is sent without its text, which the signature then holds, so that the next turn has it
 */
export function signatureOf(thinking: string, isOmitted: boolean): string {
  if (isOmitted) return holding + Buffer.from(thinking).toString('base64url');
  return createHash('sha256').update(thinking).digest('base64');
}

/** The text of a thinking block that comes back. */
export function thinkingText({ thinking, signature }: { thinking: string; signature: string }): string {
  if (thinking !== '' || !signature.startsWith(holding)) return thinking;
  return Buffer.from(signature.slice(holding.length), 'base64url').toString();
}
