/** An event of a stream, as a client reads it. */
export interface StreamedEvent {
  /** Undefined where the API does not name its events. */
  readonly name: string | undefined;
  readonly data: string;
}

/**
 * Tells server-sent events apart as they arrive (WHATWG HTML, 9.2.6), and throws for what heddle never writes: fields other
 * than `event` and `data`, carriage returns, events without data.
 */
export class EventReader {
  #pending = '';

  /** The events that this piece of a stream completes. */
  push(text: string): StreamedEvent[] {
    const messages = (this.#pending + text).split('\n\n');
    this.#pending = messages.pop() ?? '';
    return messages.map(readEvent);
  }

  /** @throws Error when the stream ended inside of an event */
  end(): void {
    if (this.#pending !== '') throw new Error(`the last event does not end: ${this.#pending}`);
  }
}

function readEvent(message: string): StreamedEvent {
  let name: string | undefined;
  const data: string[] = [];
  if (/[\r\u0085\u2028\u2029]/.test(message)) throw new Error(`not one line for every reader: ${message}`);
  for (const line of message.split('\n')) {
    const [, field, value = ''] = /^(event|data): (.*)$/s.exec(line) ?? [];
    if (field === 'data') data.push(value);
    else if (field === 'event' && name === undefined && data.length === 0) name = value;
    else throw new Error(`this is no line of an event: ${line}`);
  }
  if (data.length === 0) throw new Error(`an event without data: ${message}`);
  return { name, data: data.join('\n') };
}

/** The events of a response, as they arrive. */
export async function* streamEvents(response: Response): AsyncGenerator<StreamedEvent> {
  const decoder = new TextDecoder();
  const reader = new EventReader();
  for await (const bytes of response.body ?? []) {
    yield* reader.push(decoder.decode(bytes as Uint8Array, { stream: true }));
  }
  reader.end();
}

/** The events of a stream that was read to its end. */
export function eventsIn(text: string): StreamedEvent[] {
  const reader = new EventReader();
  const events = reader.push(text);
  reader.end();
  return events;
}
