/** `sizeof(llama_model_kv_override)`: a tag, a key of 128 bytes, padding, and a value of 128 bytes. */
const entryBytes = 264;
const keyOffset = 4;
const valueOffset = 136;

/** The longest key and text that fit, with their ending zero byte. */
const fieldBytes = 128;

/** llama_model_kv_override_type of llama.h. */
const [intTag, stringTag] = [0, 3];

/**
 * Metadata that replaces a model file's own, as the list that `llama_model_params.kv_overrides` points to.
 * @param values a number must be a whole one
 * @throws RangeError for a key or text of 128 bytes or more
 */
export function kvOverrides(values: Readonly<Record<string, number | string>>): Uint8Array {
  const entries = Object.entries(values);
  const list = new Uint8Array(new ArrayBuffer((entries.length + 1) * entryBytes)); // the last one's key is empty
  const view = new DataView(list.buffer);
  for (const [index, [key, value]] of entries.entries()) {
    const start = index * entryBytes;
    writeText(list, start + keyOffset, key);
    if (typeof value === 'number') {
      view.setInt32(start, intTag, true);
      view.setBigInt64(start + valueOffset, BigInt(value), true);
    } else {
      view.setInt32(start, stringTag, true);
      writeText(list, start + valueOffset, value);
    }
  }
  return list;
}

function writeText(target: Uint8Array, offset: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length >= fieldBytes) throw new RangeError(`"${text}" is too long for a metadata override`);
  target.set(bytes, offset);
}
