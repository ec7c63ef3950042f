import { HeddleError } from '../core/errors.js';

/** A grammar that a client wrote can not be used. @param param path of the request field that it came in */
export function grammarError(message: string, param: string | undefined): HeddleError {
  return new HeddleError('invalid_parameter', message, param === undefined ? {} : { param });
}
