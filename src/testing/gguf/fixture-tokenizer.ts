import { encodePieces, decodePieces, trainMerges, type Merge } from './bpe.js';
import { byteAlphabet, fromAlphabet } from './byte-alphabet.js';
import type { GgufMetadata } from './gguf-format.js';
import { tokenizerText } from './tokenizer-text.js';

/** ChatML without tools or a default system message. */
export const fixtureChatTemplate = [
  "{%- for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}",
  "{%- endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{%- endif %}",
].join('');

/** Tokens with a meaning: the 256 bytes, the merges and the control tokens. A larger vocabulary is padded. */
export const baseVocabularySize = 512;

const controlTokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const;
const mergeCount = baseVocabularySize - byteAlphabet.length - controlTokens.length;

/** Token types of `tokenizer.ggml.token_type`. */
const tokenType = { normal: 1, control: 3, unused: 5 } as const;

/** The fixtures' byte-level BPE tokenizer, as a reader of the GGUF file understands it. */
export interface FixtureTokenizer {
  /** The text of every token in the byte alphabet (control and padding tokens: literally). */
  readonly tokens: readonly string[];
  readonly merges: readonly Merge[];
  /** Ends a chat turn: the end-of-sequence token. */
  readonly endOfTurn: number;
  readonly endOfText: number;
  /** The `tokenizer.*` part of the metadata, chat template included. */
  readonly metadata: GgufMetadata;
  /** Token ids of a text; the control tokens' spellings are taken as control tokens. */
  encode(text: string): number[];
  /** Text of token ids; control tokens are spelled out. */
  decode(ids: readonly number[]): string;
  /** Whether a token is text that stands for itself: complete UTF-8, no control characters other than a line end. */
  isText(id: number): boolean;
}

const tokenizers = new Map<number, FixtureTokenizer>();

/**
 * The tokenizer with a vocabulary of `vocabularySize` tokens. Ids: 0 to 255 the byte values, then the merges in order,
 * then the control tokens, then padding tokens "[PAD512]", "[PAD513]", ... that never occur in text.
 * @throws RangeError for a size under 512
 */
export function fixtureTokenizer(vocabularySize: number = baseVocabularySize): FixtureTokenizer {
  const known = tokenizers.get(vocabularySize);
  if (known !== undefined) return known;
  const made = makeTokenizer(vocabularySize);
  tokenizers.set(vocabularySize, made);
  return made;
}

let learnedMerges: readonly Merge[] | undefined;

function makeTokenizer(vocabularySize: number): FixtureTokenizer {
  if (vocabularySize < baseVocabularySize)
    throw new RangeError(`a vocabulary of ${vocabularySize} is too small`);
  learnedMerges ??= trainMerges(tokenizerText, mergeCount);
  const merges = learnedMerges;
  if (merges.length < mergeCount) throw new RangeError(`the text gives ${merges.length} merges only`);
  const tokens = [...byteAlphabet, ...merges.map(([left, right]) => left + right), ...controlTokens];
  while (tokens.length < vocabularySize) tokens.push(`[PAD${tokens.length}]`);

  const firstControl = baseVocabularySize - controlTokens.length;
  const types = tokens.map((_, id) => {
    if (id < firstControl) return tokenType.normal;
    return id < baseVocabularySize ? tokenType.control : tokenType.unused;
  });
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const idOf = (token: string): number => {
    const id = ids.get(token);
    if (id === undefined) throw new RangeError(`no token '${token}'`);
    return id;
  };
  const endOfTurn = idOf('<|im_end|>');
  const endOfText = idOf('<|endoftext|>');
  const controlPattern = /(<\|endoftext\|>|<\|im_start\|>|<\|im_end\|>)/;

  return {
    tokens,
    merges,
    endOfTurn,
    endOfText,
    metadata: [
      ['tokenizer.ggml.model', { type: 'string', value: 'gpt2' }],
      ['tokenizer.ggml.pre', { type: 'string', value: 'qwen2' }],
      ['tokenizer.ggml.tokens', { type: 'string[]', value: tokens }],
      ['tokenizer.ggml.token_type', { type: 'int32[]', value: types }],
      ['tokenizer.ggml.merges', { type: 'string[]', value: merges.map((merge) => merge.join(' ')) }],
      ['tokenizer.ggml.bos_token_id', { type: 'uint32', value: endOfText }],
      ['tokenizer.ggml.eos_token_id', { type: 'uint32', value: endOfTurn }],
      ['tokenizer.ggml.eot_token_id', { type: 'uint32', value: endOfTurn }],
      ['tokenizer.ggml.padding_token_id', { type: 'uint32', value: endOfText }],
      ['tokenizer.ggml.add_bos_token', { type: 'bool', value: false }],
      ['tokenizer.chat_template', { type: 'string', value: fixtureChatTemplate }],
    ],
    encode: (text) =>
      text
        .split(controlPattern)
        .flatMap((part) => (controlPattern.test(part) ? [idOf(part)] : encodePieces(part, merges).map(idOf))),
    decode: (sequence) => {
      const parts: string[] = [];
      let pieces: string[] = [];
      for (const id of sequence) {
        const token = tokens[id] ?? '';
        if (id < firstControl) {
          pieces.push(token);
        } else {
          parts.push(decodePieces(pieces), token);
          pieces = [];
        }
      }
      return parts.join('') + decodePieces(pieces);
    },
    isText: (id) => {
      const token = tokens[id];
      return token !== undefined && id < firstControl && isPlainText(fromAlphabet(token));
    },
  };
}

function isPlainText(bytes: Buffer): boolean {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) && !/[^\P{C}\n]/u.test(text);
}
