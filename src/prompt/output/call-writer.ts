import { newCallId, type CallIdStyle } from './call-id.js';
import type { OutputWriter } from './output-writer.js';
import type { TextInput } from './text-input.js';
import type { ToolDefinition } from './tool-definition.js';

/** Writes the tool calls of an output, and takes back those that turn out to be none. */
export class CallWriter {
  readonly #input: TextInput;
  readonly #output: OutputWriter;
  readonly #tools: ReadonlyMap<string, ToolDefinition>;
  readonly #idStyle: CallIdStyle;
  #calls = 0;
  /** Of the calls so far: no two have the same. */
  readonly #ids = new Set<string>();
  /** The name of the call that is being written. */
  #name: string | undefined;

  constructor(
    input: TextInput,
    output: OutputWriter,
    { tools, idStyle }: { tools: readonly ToolDefinition[]; idStyle: CallIdStyle },
  ) {
    this.#input = input;
    this.#output = output;
    this.#tools = new Map(tools.map((tool) => [tool.name, tool]));
    this.#idStyle = idStyle;
  }

  /** Of the call that is being written; undefined for one that was not offered. */
  get tool(): ToolDefinition | undefined {
    return this.#name === undefined ? undefined : this.#tools.get(this.#name);
  }

  get isOpen(): boolean {
    return this.#name !== undefined;
  }

  isOffered(name: string): boolean {
    return this.#tools.has(name);
  }

  /** What is taken from here on is the text of a call. */
  begin(): void {
    this.#input.record();
    this.#name = undefined;
  }

  /**
   * The model has named the tool. One that was not offered is called all the same: its caller knows what to answer.
   * @param written the id that the model wrote, which stands unless a call before has it
   */
  open(name: string, written?: string): void {
    if (!this.#tools.has(name)) {
      this.#output.warning(
        'unoffered_tool',
        `The model calls the tool ${JSON.stringify(name)}, which was not offered.`,
      );
    }
    this.#name = name;
    const index = this.#calls++;
    const id = written === undefined || this.#ids.has(written) ? this.#newId(name, index) : written;
    this.#ids.add(id);
    this.#output.add({ kind: 'tool-call', index, id, name });
  }

  /** More JSON text of the arguments of the call that is open. */
  readonly arguments = (text: string): void => {
    if (text !== '') this.#output.add({ kind: 'tool-arguments', index: this.#calls - 1, text });
  };

  /** The arguments are whole. */
  complete(): void {
    this.#end('complete', this.#input.recorded);
  }

  /**
   * What was taken since {@link begin} is no call: it becomes content. A call that was only cut off stays one, if its name
   * is known.
   */
  fail(): void {
    const { cutOff, recorded } = this.#input;
    const name = this.#name;
    if (name === undefined) {
      this.#output.content(recorded);
      this.#output.warning(
        'unreadable_call',
        'What looks like a tool call could not be read, and was left in the text.',
      );
    } else if (cutOff) this.#end('cut', recorded);
    else {
      this.#end('malformed', '');
      this.#output.content(recorded);
      this.#output.warning(
        'malformed_call',
        `The call of the tool ${JSON.stringify(name)} is not well formed, and was left in the text.`,
      );
    }
  }

  #newId(name: string, index: number): string {
    for (let number = index; ; number++) {
      const id = newCallId(this.#idStyle, name, number);
      if (!this.#ids.has(id)) return id;
    }
  }

  #end(outcome: 'complete' | 'cut' | 'malformed', raw: string): void {
    this.#output.add({ kind: 'tool-call-end', index: this.#calls - 1, outcome, raw });
    this.#name = undefined;
  }
}
