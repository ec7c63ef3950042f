/**
 * Whether an address, or a name, is this machine's own, which no other machine can reach: `127.0.0.0/8`, `::1` and
 * `localhost` (RFC 6761). Any other name counts as reachable, whatever it resolves to at the moment.
 */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost') || name === '::1') return true;
  const parts = name.replace(/^::ffff:/, '').split('.');
  return parts.length === 4 && parts[0] === '127' && parts.every(isByte);
}

function isByte(part: string): boolean {
  return /^\d{1,3}$/.test(part) && Number(part) <= 255;
}
