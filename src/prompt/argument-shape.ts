/** How a template wants the arguments of tool calls: as an object, or as their JSON text. */
export type ArgumentShape = 'object' | 'text';

const argument = { probe_key: 'probe_value' };
const written = /probe_key[\s\S]*probe_value/;

/**
 * Finds out which arguments a template can write, by letting it write a call of both shapes. Templates do not say: some
 * make JSON of an object, some put a text in as it is. What llama.cpp does too.
 * @param render the template; throws where it can not
 */
export function probeArguments(render: (variables: Record<string, unknown>) => string): ArgumentShape {
  const write = (value: unknown): string => {
    const call = { id: 'call00000', type: 'function', function: { name: 'probe_tool', arguments: value } };
    const messages = [
      { role: 'user', content: 'probe' },
      { role: 'assistant', content: '', tool_calls: [call] },
    ];
    try {
      return render({ messages, bos_token: '', eos_token: '', add_generation_prompt: false });
    } catch {
      return ''; // it can not
    }
  };
  if (written.test(write(argument))) return 'object';
  const text = JSON.stringify(argument);
  return write(text).includes(text) ? 'text' : 'object';
}
