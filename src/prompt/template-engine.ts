import { Template } from '@huggingface/jinja';
import { integerDictionary, isDictionary, itemsOf, valueOf } from './template-dictionary.js';
import { listMethod } from './template-list.js';
import {
  Environment,
  functionValue,
  Interpreter,
  type Call,
  type Node,
  type Scope,
  type Value,
} from './template-value.js';

/** What a template says of messages that it does not take, by `raise_exception`. */
export class TemplateComplaint extends Error {}

/**
 * A chat template, as the library reads it, and with what the library lacks and templates of models use: lists that are
 * appended to and taken from (Kimi K2), dictionaries whose keys are integers (Seed-OSS).
 */
export class TemplateEngine {
  readonly #template: Template;

  /** @throws SyntaxError for what is no template, or one with statements that the library does not know */
  constructor(source: string) {
    this.#template = new Template(source);
  }

  /** @throws TemplateComplaint the template's own; Error for what can not be evaluated */
  render(variables: Readonly<Record<string, unknown>>): string {
    const environment = globals();
    for (const [name, value] of Object.entries(variables)) environment.set(name, value);
    return String(new TemplateInterpreter(environment).run(this.#template.parsed).value);
  }
}

let libraryCalls: { range: Call; strftime_now: Call } | undefined;

/** The library's functions that it gives its templates, and does not export. */
function takeCalls(): { range: Call; strftime_now: Call } {
  let taken = libraryCalls;
  if (taken === undefined) {
    const take = (range: Call, strftime_now: Call): string => {
      taken = { range, strftime_now };
      return '';
    };
    new Template('{{ take(range, strftime_now) }}').render({ take });
    libraryCalls = taken;
  }
  if (taken === undefined) throw new Error('the template library gives no functions');
  return taken;
}

/** What every template knows. */
function globals(): Scope {
  const environment = new Environment();
  const constants = { false: false, true: true, none: null, False: false, True: true, None: null };
  for (const [name, value] of Object.entries(constants)) environment.set(name, value);
  for (const [name, call] of Object.entries(takeCalls())) environment.setVariable(name, functionValue(call));
  environment.set('raise_exception', (message: unknown) => {
    throw new TemplateComplaint(String(message));
  });
  return environment;
}

/** A node that stands for a value that was evaluated already: evaluating it again could pop a list twice. */
class Evaluated {
  readonly type = 'Evaluated';
  readonly value: Value;

  constructor(value: Value) {
    this.value = value;
  }
}

class TemplateInterpreter extends Interpreter {
  override evaluate(node: Node | undefined, environment: Scope): Value {
    if (node instanceof Evaluated) return node.value;
    if (node?.type === 'MemberExpression') return this.#member(node as MemberNode, environment);
    if (node?.type === 'FilterExpression') return this.#filter(node as FilterNode, environment);
    const dictionary =
      node?.type === 'ObjectLiteral'
        ? integerDictionary(node, (part) => this.evaluate(part, environment))
        : undefined;
    return dictionary ?? super.evaluate(node, environment);
  }

  #member(node: MemberNode, environment: Scope): Value {
    const object = this.evaluate(node.object, environment);
    const { computed, property } = node;
    if (!computed && property.type === 'Identifier') {
      const method = listMethod(object, property.value);
      if (method !== undefined) return method;
    }
    if (computed && isDictionary(object)) return valueOf(object, this.evaluate(property, environment));
    return super.evaluate({ ...node, object: new Evaluated(object) } as Node, environment);
  }

  #filter(node: FilterNode, environment: Scope): Value {
    const operand = this.evaluate(node.operand, environment);
    if (isDictionary(operand) && node.filter.value === 'items') return itemsOf(operand);
    return super.evaluate({ ...node, operand: new Evaluated(operand) } as Node, environment);
  }
}

interface MemberNode extends Node {
  readonly object: Node;
  readonly computed: boolean;
  readonly property: Node & { readonly value?: unknown };
}

interface FilterNode extends Node {
  readonly operand: Node;
  readonly filter: Node & { readonly value?: unknown };
}
