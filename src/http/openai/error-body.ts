import { errorCatalogue, type HeddleError } from '../../core/errors.js';

/** An error in the shape of the OpenAI API. */
export function errorBody(error: HeddleError): object {
  return {
    error: {
      message: error.message,
      type: errorCatalogue[error.code].type,
      param: error.param ?? null,
      code: error.code,
    },
  };
}
