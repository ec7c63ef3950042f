import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { AccessPolicy } from '../../core/access.js';
import { HeddleError } from '../../core/errors.js';
import { isLoopback } from '../../core/loopback.js';

/**
 * Refuses requests to a name that the server does not go by. A web page can make its own name stand for 127.0.0.1 (DNS
 * rebinding), and then asks whatever listens there with the browser's blessing; but it can not change the name it asks
 * by. A server that listens on a loopback address goes by loopback names; another one without keys by addresses, which
 * no page can take, and by the machine's name. One with keys needs no such check: a page has none. `allowedHosts` are
 * other names, and where there are any, no further ones count for a server with keys either.
 * @param listening address that the server listens on; undefined for no network
 * @throws HeddleError `host_not_allowed`
 */
export function checkHost(
  header: string | undefined,
  listening: string | undefined,
  { keys, allowedHosts }: Pick<AccessPolicy, 'keys' | 'allowedHosts'>,
): void {
  if (header === undefined || allowedHosts.includes('*')) return; // browsers always send one
  const host = hostOf(header);
  if (isLoopback(host) || allowedHosts.some((allowed) => hostOf(allowed) === host)) return;
  if (listening !== undefined && !isLoopback(listening)) {
    const asksForKeys = keys.some(({ admin }) => !admin);
    if (asksForKeys ? allowedHosts.length === 0 : isIP(host) !== 0 || isMachine(host)) return;
  }
  throw new HeddleError(
    'host_not_allowed',
    'The server does not go by the name in the Host header. If it should, add the name to allowed_hosts in the configuration file.',
  );
}

/** Without port and brackets. */
function hostOf(header: string): string {
  const host = header.toLowerCase();
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(host)?.[1];
  return bracketed ?? host.replace(/:\d*$/, '').replace(/\.$/, '');
}

function isMachine(host: string): boolean {
  const machine = hostname().toLowerCase();
  return host === machine || host === `${machine}.local`;
}
