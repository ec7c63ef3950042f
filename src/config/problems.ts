import type { z } from 'zod';
import type { ValueProblem } from './alias-problems.js';
import { nearest } from './nearest.js';
import {
  apiKeyShape,
  cacheShape,
  defaultsShape,
  fileShape,
  limitsShape,
  modelShape,
  poolShape,
  responsesShape,
  stablePromptsShape,
} from './schema.js';
import { shown } from './units.js';
import type { Path } from './yaml-source.js';

const typeNames: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a whole number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys with values',
  record: 'keys with values',
};

/** Where keys can be, for keys that were written in the wrong place. */
const places: readonly (readonly [string, readonly string[]])[] = [
  ['the top of the file', Object.keys(fileShape)],
  ['"pool"', Object.keys(poolShape)],
  ['"responses"', Object.keys(responsesShape)],
  ['"cache"', Object.keys(cacheShape)],
  ['"limits"', Object.keys(limitsShape)],
  ['an entry of "api_keys"', Object.keys(apiKeyShape)],
  ['"defaults" or an entry of "models"', Object.keys(defaultsShape)],
  ['an entry of "models"', Object.keys(modelShape)],
  ['"stable_prompts"', Object.keys(stablePromptsShape)],
];

/**
 * What the schema found, as sentences for whoever wrote the file.
 * @param raw the file as it was read
 */
export function schemaProblems({ issues }: z.ZodError, raw: unknown): ValueProblem[] {
  // A number beyond all whole numbers is too large twice.
  const last = new Map(issues.map((issue) => [`${issue.code} ${issue.path.join('.')}`, issue]));
  return [...last.values()].flatMap((issue): ValueProblem[] => {
    const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
    if (issue.code !== 'unrecognized_keys') {
      const message = sentence(issue, valueAt(raw, path));
      return [{ path, message, ...(issue.code === 'invalid_key' ? { atKey: true } : {}) }];
    }
    const known = knownKeys(path);
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, known), atKey: true }));
  });
}

function sentence(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === null) {
    return issue.path[0] === 'model_dirs' ? 'has no value; a ~ alone must be in quotes' : 'has no value';
  }
  switch (issue.code) {
    case 'invalid_type': {
      if (issue.path[0] === 'api_keys') return 'must be names with their keys'; // the value may be a key
      const quotes = issue.expected === 'string' && typeof value !== 'object' ? '; write it in quotes' : '';
      return `must be ${typeNames[issue.expected] ?? issue.expected}, not ${shown(value)}${quotes}`;
    }
    case 'invalid_value':
      return `must be ${oneOf(issue.values.map(String))}, not ${shown(value)}`;
    case 'too_small':
      if (issue.origin === 'array') return 'must have an entry';
      return issue.origin === 'string'
        ? 'must not be empty'
        : `must be at least ${issue.minimum}, not ${shown(value)}`;
    case 'too_big':
      return `must be at most ${issue.maximum}, not ${shown(value)}`;
    case 'invalid_key':
      return 'must not be empty';
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'invalid_union':
    case 'not_multiple_of':
    case 'unrecognized_keys':
      return issue.message;
  }
}

function unknownKey(key: string, known: readonly string[]): string {
  const elsewhere = places.find(([, keys]) => keys.includes(key))?.[0];
  if (elsewhere !== undefined) return `is no key here; it belongs to ${elsewhere}`;
  const meant = nearest(key, known);
  return meant === undefined
    ? `is no key; there are ${known.join(', ')}`
    : `is no key; did you mean "${meant}"?`;
}

/** Which keys the object at a path can have. */
function knownKeys(path: Path): readonly string[] {
  const [section, , ...deeper] = path;
  if (path.length > 1 && path.at(-1) === 'stable_prompts') return Object.keys(stablePromptsShape);
  if (section === 'responses') return Object.keys(responsesShape);
  if (section === 'cache') return Object.keys(cacheShape);
  if (section === 'limits') return Object.keys(limitsShape);
  if (section === 'api_keys') return Object.keys(apiKeyShape);
  if (section === 'pool') return Object.keys(poolShape);
  if (section === 'defaults') return Object.keys(defaultsShape);
  return Object.keys(section === 'models' && deeper.length === 0 ? modelShape : fileShape);
}

function valueAt(raw: unknown, path: Path): unknown {
  return path.reduce((value, part) => (value as Record<string | number, unknown> | null)?.[part], raw);
}

function oneOf(values: readonly string[]): string {
  return values.length < 2 ? values.join() : `${values.slice(0, -1).join(', ')} or ${values.at(-1) ?? ''}`;
}
