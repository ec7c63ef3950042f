export { anyOf, composeGrammar, group, inOrder, literal, repeated, type NamedGrammar } from './gbnf-text.js';
export { readGbnf } from './gbnf-reader.js';
export { Grammar } from './grammar.js';
export { jsonObject, jsonValue, space } from './json-text.js';
export { textUntil, textWithout } from './marker-grammar.js';
export { regexGrammar } from './regex-grammar.js';
export { checkSchemaSize } from './schema/schema-resolver.js';
export { schemaGrammar } from './schema/schema-grammar.js';
export { toolArgumentsGrammar } from './tool-arguments-grammar.js';
