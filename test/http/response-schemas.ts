import type OpenAI from 'openai';
import type { ResponseStreamEvent } from '../../src/http/openapi/answers/responses.js';

/** What the schemas say is what the client's types say; the client adds the text of the output itself. */
export function asClientEvent(event: ResponseStreamEvent): OpenAI.Responses.ResponseStreamEvent {
  if (!('response' in event)) return event;
  const {
    usage,
    safety_identifier: safety,
    prompt_cache_key: key,
    user,
    warnings: _,
    ...rest
  } = event.response;
  const response = {
    ...rest,
    output_text: '',
    ...(usage === null ? {} : { usage }),
    ...(safety === undefined ? {} : { safety_identifier: safety }),
    ...(key === undefined ? {} : { prompt_cache_key: key }),
    ...(user === undefined ? {} : { user }),
  };
  return { ...event, response };
}
