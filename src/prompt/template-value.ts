import * as library from '@huggingface/jinja';

/*
 * The parts of the template library that are used here. Its own types for them can not be read by ECMAScript modules: they
 * import each other without file extensions.
 */

/** A part of a parsed template. */
export interface Node {
  readonly type: string;
}

/** What a part is evaluated to. */
export interface Value {
  /** Such as `IntegerValue`. */
  readonly type: string;
  value: unknown;
}

export interface ListValue extends Value {
  value: Value[];
}

export interface ObjectValue extends Value {
  value: Map<string, Value>;
  items(): Value;
  keys(): Value;
}

/** Variables. */
export interface Scope {
  /** Declares a variable, whose value is one of JavaScript's. @returns what it is in the template */
  set(name: string, value: unknown): Value;
  setVariable(name: string, value: Value): Value;
}

export type Call = (args: readonly Value[], scope: Scope) => Value;

interface LibraryInterpreter {
  run(program: unknown): Value;
  evaluate(node: Node | undefined, scope: Scope): Value;
}

export const Environment = library.Environment as new () => Scope;
export const Interpreter = library.Interpreter as new (scope: Scope) => LibraryInterpreter;

/** What a value of ours is in a template. */
export function toValue(value: unknown): Value {
  return new Environment().set('value', value);
}

/** A list of values of a template. */
export function listValue(values: readonly Value[]): ListValue {
  const list = toValue([]);
  list.value = [...values];
  return list as ListValue;
}

/** A function that is called with values of the template, as they are. */
export function functionValue(call: Call): Value {
  const made = toValue(() => null);
  made.value = call;
  return made;
}

export function isList(value: Value): value is ListValue {
  return Array.isArray(value.value);
}

/** Undefined for a value that is no integer. */
export function integerOf(value: Value | undefined): number | undefined {
  return value?.type === 'IntegerValue' ? Number(value.value) : undefined;
}
