/**
 * The characters that stand for the 256 byte values in a byte-level BPE vocabulary (GPT-2's alphabet): a byte that is a
 * visible Latin-1 character stands for itself, the others take the code points from 256 on.
 */
function makeAlphabet(): readonly string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const visible = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 255 && byte !== 173);
    return String.fromCodePoint(visible ? byte : next++);
  });
}

/** Character by byte value. */
export const byteAlphabet: readonly string[] = makeAlphabet();

const byteOf: ReadonlyMap<string, number> = new Map(byteAlphabet.map((character, byte) => [character, byte]));

/** The bytes of a text, one alphabet character each. */
export function toAlphabet(text: string): string[] {
  return Array.from(Buffer.from(text, 'utf8'), (byte) => byteAlphabet[byte] ?? '');
}

/**
 * The bytes that a token written in the alphabet stands for.
 * @throws RangeError for a character outside the alphabet
 */
export function fromAlphabet(token: string): Buffer {
  const bytes = Array.from(token, (character) => {
    const byte = byteOf.get(character);
    if (byte === undefined) throw new RangeError(`'${character}' is not in the byte alphabet`);
    return byte;
  });
  return Buffer.from(bytes);
}
