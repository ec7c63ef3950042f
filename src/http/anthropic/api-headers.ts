import type { IncomingHttpHeaders } from 'node:http';
import { HeddleError } from '../../core/errors.js';

/** The first version with the events of today's streams; versions are dates, and later ones add to it. */
const firstVersion = '2023-06-01';

/** Headers of the API that ask for what is not there. */
const unsupported = ['anthropic-user-profile-id', 'anthropic-workspace-id'];

/**
 * Checks the headers of the API. `anthropic-version` may be missing. `anthropic-beta` is not looked at: a beta allows
 * parameters, and each of these is honoured or refused by itself.
 * @throws HeddleError `unsupported_parameter`
 */
export function checkHeaders(headers: IncomingHttpHeaders): void {
  const asked = headers['anthropic-version'];
  if (asked !== undefined && !isSpoken(asked)) {
    throw new HeddleError(
      'unsupported_parameter',
      `"anthropic-version" is a date from ${firstVersion} on, or not sent.`,
      { param: 'anthropic-version' },
    );
  }
  const name = unsupported.find((each) => headers[each] !== undefined);
  if (name === undefined) return;
  throw new HeddleError('unsupported_parameter', `The header "${name}" is not supported: leave it out.`, {
    param: name,
  });
}

function isSpoken(version: string | string[]): boolean {
  return typeof version === 'string' && /^\d{4}-\d\d-\d\d$/.test(version) && version >= firstVersion;
}

/** The request is one of a client of the Anthropic API, whatever its path. */
export function isAnthropicClient(headers: IncomingHttpHeaders): boolean {
  return headers['anthropic-version'] !== undefined;
}
