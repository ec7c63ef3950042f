/** A schema whose values end by themselves: lists and texts are bounded, and what refers to itself does so in few places. */
export interface CorpusSchema {
  readonly name: string;
  readonly schema: unknown;
  /** JSON texts that a grammar of it must have. */
  readonly has?: readonly string[];
  /** JSON texts that it must not have. */
  readonly lacks?: readonly string[];
}

const shortText = { type: 'string', maxLength: 8 };
const person = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 12 },
    age: { type: 'integer', minimum: 0, maximum: 150 },
  },
  required: ['name', 'age'],
  additionalProperties: false,
};

/** What people ask of structured output, and what is hard about it. */
export const schemaCorpus: readonly CorpusSchema[] = [
  {
    name: 'a flat object',
    schema: person,
    has: ['{"name":"x","age":7}', '{\n  "name": "\\u00e9\\n\\"",\n  "age": 150\n}'],
    lacks: [
      '{"name":"x"}',
      '{"name":"","age":1}',
      '{"name":"x","age":151}',
      '{"name":"x","age":1,"b":2}',
      '{"name":"x","age":1',
      ' {}',
    ],
  },
  {
    name: 'optional properties between required ones',
    schema: {
      type: 'object',
      properties: { a: { type: 'boolean' }, b: { type: 'null' }, c: { type: 'boolean' }, d: { const: 4 } },
      required: ['b'],
      additionalProperties: false,
    },
    has: ['{"b":null}', '{"a":true,"b":null}', '{"b":null,"d":4}', '{"a":false,"b":null,"c":true,"d":4}'],
    lacks: ['{}', '{"a":true}', '{"b":null,}', '{,"b":null}', '{"a":true "b":null}'],
  },
  {
    name: 'nested objects and lists',
    schema: {
      type: 'object',
      properties: {
        people: { type: 'array', items: person, minItems: 1, maxItems: 3 },
        matrix: {
          type: 'array',
          items: {
            type: 'array',
            items: { type: 'integer', minimum: -9, maximum: 9 },
            minItems: 2,
            maxItems: 2,
          },
          maxItems: 2,
        },
      },
      required: ['people', 'matrix'],
      additionalProperties: false,
    },
    has: [
      '{"people": [{"name":"a","age":1}], "matrix": [[1,-2]]}',
      '{"people":[{"name":"a","age":1},{"name":"b","age":2}],"matrix":[]}',
    ],
    lacks: ['{"people":[],"matrix":[]}', '{"people":[{"name":"a","age":1}],"matrix":[[1]]}'],
  },
  {
    name: 'enum and const of every type',
    schema: {
      type: 'object',
      properties: {
        colour: { enum: ['red', 'grün', 'a "b" \\c', ''] },
        mixed: { enum: [1, 1.5, true, null, 'x', [1, { a: 2 }], { k: [] }] },
        typed: { type: 'string', enum: ['a', 1, 'b'] },
        version: { const: 2 },
        whole: { type: 'integer', enum: [1, 2.5, 3] },
      },
      required: ['colour', 'mixed', 'typed', 'version', 'whole'],
      additionalProperties: false,
    },
    has: ['{"colour":"grün","mixed":{"k":[]},"typed":"b","version":2,"whole":3}'],
    lacks: [
      '{"colour":"blue","mixed":1,"typed":"b","version":2,"whole":3}',
      '{"colour":"red","mixed":1,"typed":1,"version":2,"whole":3}',
      '{"colour":"red","mixed":1,"typed":"a","version":2,"whole":2.5}',
    ],
  },
  {
    name: 'anyOf beside keywords of its own',
    schema: {
      type: 'object',
      properties: { a: shortText, b: { type: 'integer', minimum: 1, maximum: 5 } },
      anyOf: [{ required: ['a'] }, { required: ['b'] }],
      additionalProperties: false,
    },
    has: ['{"a":"x"}', '{"b":3}', '{"a":"x","b":3}'],
    lacks: ['{}', '{"b":6}'],
  },
  {
    name: 'nullable values as a list of types',
    schema: { type: ['string', 'null', 'integer'], maxLength: 4, minimum: -3, maximum: 3 },
    has: ['null', '"abcd"', '-3'],
    lacks: ['"abcde"', '4', 'true', '1.5'],
  },
  {
    name: 'oneOf told apart by a property',
    schema: {
      oneOf: [
        {
          type: 'object',
          properties: { kind: { const: 'circle' }, r: { type: 'number', exclusiveMinimum: 0, maximum: 10 } },
          required: ['kind', 'r'],
          additionalProperties: false,
        },
        {
          type: 'object',
          properties: {
            kind: { const: 'square' },
            side: { type: 'number', minimum: 0.5, exclusiveMaximum: 2.25 },
          },
          required: ['kind', 'side'],
          additionalProperties: false,
        },
      ],
      discriminator: { propertyName: 'kind' },
    },
    has: ['{"kind":"circle","r":0.001}', '{"kind":"square","side":2.249}', '{"kind":"square","side":0.5}'],
    lacks: [
      '{"kind":"circle","r":0}',
      '{"kind":"circle","r":10.1}',
      '{"kind":"square","side":2.25}',
      '{"kind":"square","side":0.49}',
    ],
  },
  {
    name: 'allOf that is merged',
    schema: {
      allOf: [
        { type: 'object', properties: { id: { type: 'integer', minimum: 10 } }, required: ['id'] },
        { $ref: '#/$defs/named' },
        { properties: { id: { maximum: 12 } } },
      ],
      $defs: { named: { properties: { name: shortText }, required: ['name'] } },
    },
    has: ['{"id":11,"name":"x"}'],
    lacks: ['{"id":13,"name":"x"}', '{"id":9,"name":"x"}', '{"id":11}'],
  },
  {
    name: 'a tree that refers to itself',
    schema: {
      $ref: '#/$defs/node',
      $defs: {
        node: {
          type: 'object',
          properties: {
            value: { type: 'integer', minimum: 0, maximum: 9 },
            children: { type: 'array', items: { $ref: '#/$defs/node' }, maxItems: 2 },
          },
          required: ['value'],
          additionalProperties: false,
        },
      },
    },
    has: ['{"value":1}', '{"value":1,"children":[{"value":2,"children":[]},{"value":3}]}'],
    lacks: ['{"value":1,"children":[{}]}', '{"value":1,"children":[{"value":1},{"value":1},{"value":1}]}'],
  },
  {
    name: 'a linked list through the root',
    schema: {
      type: 'object',
      properties: { head: { type: 'boolean' }, tail: { anyOf: [{ $ref: '#' }, { type: 'null' }] } },
      required: ['head', 'tail'],
      additionalProperties: false,
    },
    has: ['{"head":true,"tail":{"head":false,"tail":null}}'],
    lacks: ['{"head":true}', '{"head":true,"tail":{}}'],
  },
  {
    name: 'whole numbers with bounds of every form',
    schema: {
      type: 'array',
      prefixItems: [
        { type: 'integer', minimum: -12, maximum: 345 },
        { type: 'integer', exclusiveMinimum: 99, exclusiveMaximum: 1001 },
        { type: 'integer', minimum: 7 },
        { type: 'integer', maximum: -7 },
        { type: 'integer', minimum: 0.5, maximum: 2.5 },
      ],
      items: false,
      minItems: 5,
    },
    has: ['[-12,100,7,-7,1]', '[345,1000,12345,-88888,2]'],
    lacks: [
      '[-13,100,7,-7,1]',
      '[0,99,7,-7,1]',
      '[0,1001,7,-7,1]',
      '[0,100,6,-7,1]',
      '[0,100,7,-6,1]',
      '[0,100,7,-7,3]',
      '[0,100,7,-7]',
      '[00,100,7,-7,1]',
    ],
  },
  {
    name: 'numbers with bounds of every form',
    schema: {
      type: 'array',
      prefixItems: [
        { type: 'number', minimum: -1.5, maximum: 1.25 },
        { type: 'number', exclusiveMinimum: -0.001, exclusiveMaximum: 0.001 },
        { type: 'number', minimum: 1e-7, maximum: 3e-7 },
        { type: 'number', minimum: 0 },
        { type: 'number' },
      ],
      items: false,
      minItems: 5,
    },
    has: ['[-1.5,0.0009,0.0000002,12.75,-1.5e-7]', '[1.25,-0.0001,0.0000001,0,3]'],
    lacks: [
      '[-1.51,0,0.0000002,0,0]',
      '[0,0.001,0.0000002,0,0]',
      '[0,0,0.0000004,0,0]',
      '[0,0,0.0000002,-0.1,0]',
    ],
  },
  {
    name: 'text with lengths, counted in characters',
    schema: {
      type: 'array',
      prefixItems: [
        { type: 'string', minLength: 2, maxLength: 2 },
        { type: 'string', minLength: 3, maxLength: 5 },
        { type: 'string', maxLength: 0 },
      ],
      items: false,
      minItems: 3,
    },
    has: ['["😀é","abc",""]', '["\\ud83d\\ude00x","abcde",""]', '["\\"\\\\","\\u00e9\\n\\/",""]'],
    lacks: [
      '["😀","abc",""]',
      '["\\ud83d\\ude00","abc",""]',
      '["ab","ab",""]',
      '["ab","abc","x"]',
      '["\\ud83dx","abc",""]',
    ],
  },
  {
    name: 'patterns',
    schema: {
      type: 'object',
      properties: {
        code: { type: 'string', pattern: '^[A-Z]{2}-\\d{3,5}$' },
        either: { type: 'string', pattern: '^(yes|no)$', maxLength: 3 },
        part: { type: 'string', pattern: 'ab+', maxLength: 6 },
        quoted: { type: 'string', pattern: '^["\\\\\\n]{1,3}$' },
        both: {
          allOf: [{ type: 'string', pattern: '^a' }, { pattern: 'z$' }, { minLength: 3, maxLength: 5 }],
        },
        not: { type: 'string', pattern: '^(?!x)(?!.*--)[a-z-]{1,6}$' },
      },
      required: ['code', 'either', 'part', 'quoted', 'both', 'not'],
      additionalProperties: false,
    },
    has: [
      '{"code":"AB-1234","either":"yes","part":"xabbx","quoted":"\\"\\\\\\n","both":"a-z","not":"a-b-x"}',
    ],
    lacks: [
      '{"code":"AB-12","either":"yes","part":"ab","quoted":"\\"","both":"a-z","not":"a"}',
      '{"code":"AB-123","either":"yep","part":"ab","quoted":"\\"","both":"a-z","not":"a"}',
      '{"code":"AB-123","either":"no","part":"a","quoted":"\\"","both":"a-z","not":"a"}',
      '{"code":"AB-123","either":"no","part":"ab12345","quoted":"\\"","both":"a-z","not":"a"}',
      '{"code":"AB-123","either":"no","part":"ab","quoted":"\\"","both":"az","not":"a"}',
      '{"code":"AB-123","either":"no","part":"ab","quoted":"\\"","both":"a-z","not":"xa"}',
      '{"code":"AB-123","either":"no","part":"ab","quoted":"\\"","both":"a-z","not":"a--b"}',
    ],
  },
  {
    name: 'formats',
    schema: {
      type: 'object',
      properties: {
        date: { type: 'string', format: 'date' },
        time: { type: 'string', format: 'time' },
        at: { type: 'string', format: 'date-time' },
        duration: { type: 'string', format: 'duration' },
        id: { type: 'string', format: 'uuid' },
        v4: { type: 'string', format: 'ipv4' },
        v6: { type: 'string', format: 'ipv6' },
        host: { type: 'string', format: 'hostname', maxLength: 20 },
        mail: { type: 'string', format: 'email', maxLength: 30 },
      },
      required: ['date', 'time', 'at', 'duration', 'id', 'v4', 'v6', 'host', 'mail'],
      additionalProperties: false,
    },
    has: [
      '{"date":"2024-02-29","time":"23:59:59.5Z","at":"2000-02-29T00:00:00+02:00","duration":"P1Y2M3DT4H5M6S","id":"01234567-89ab-7def-B123-456789ABCDEF","v4":"255.0.10.199","v6":"fe80::1","host":"a-b.example.org","mail":"a.b+c@example.org"}',
    ],
    lacks: [
      '{"date":"2023-02-29","time":"23:59:59Z","at":"2000-02-29T00:00:00Z","duration":"PT1S","id":"01234567-89ab-7def-B123-456789ABCDEF","v4":"1.2.3.4","v6":"::","host":"a","mail":"a@b.c"}',
      '{"date":"1900-02-29","time":"23:59:59Z","at":"2000-02-29T00:00:00Z","duration":"PT1S","id":"01234567-89ab-7def-B123-456789ABCDEF","v4":"1.2.3.4","v6":"::","host":"a","mail":"a@b.c"}',
      '{"date":"2024-02-29","time":"24:00:00Z","at":"2000-02-29T00:00:00Z","duration":"PT1S","id":"01234567-89ab-7def-B123-456789ABCDEF","v4":"1.2.3.4","v6":"::","host":"a","mail":"a@b.c"}',
      '{"date":"2024-02-29","time":"23:00:00Z","at":"2000-02-29T00:00:00Z","duration":"PT1S","id":"01234567-89ab-0def-B123-456789ABCDEF","v4":"1.2.3.4","v6":"::","host":"a","mail":"a@b.co"}',
      '{"date":"2024-02-29","time":"23:00:00Z","at":"2000-02-29T00:00:00Z","duration":"P","id":"01234567-89ab-7def-B123-456789ABCDEF","v4":"1.2.3.256","v6":"::","host":"a","mail":"a@b.c"}',
    ],
  },
  {
    name: 'further properties with a schema',
    schema: {
      type: 'object',
      properties: { id: { type: 'integer', minimum: 0, maximum: 9 }, idx: { type: 'boolean' } },
      required: ['id'],
      additionalProperties: { type: 'string', maxLength: 3 },
    },
    has: ['{"id":1}', '{"id":1,"idx":true,"i":"a","idxy":"b","":""}', '{"id":1,"other":"abc"}'],
    lacks: [
      '{"id":1,"id":"x"}',
      '{"id":1,"idx":"x"}',
      '{"id":1,"other":1}',
      '{"other":"x","id":1}',
      '{"id":1,"\\u0069d":"x"}',
    ],
  },
  {
    name: 'a map of lists',
    schema: {
      type: 'object',
      additionalProperties: { type: 'array', items: { type: 'boolean' }, maxItems: 2 },
    },
    has: ['{}', '{"a":[],"b":[true,false]}'],
    lacks: ['{"a":[true,true,true]}', '{"a":1}'],
  },
  {
    name: 'keys that need escapes, and keys of other scripts',
    schema: {
      type: 'object',
      properties: {
        'naïve 🦥': { type: 'boolean' },
        '"quoted" \\ \n': { type: 'boolean' },
        日本語: { type: 'boolean' },
        '': { type: 'null' },
        'a.b': { type: 'null' },
      },
      required: ['naïve 🦥', '"quoted" \\ \n', '日本語', '', 'a.b'],
      additionalProperties: false,
    },
    has: ['{"naïve 🦥":true,"\\"quoted\\" \\\\ \\n":false,"日本語":true,"":null,"a.b":null}'],
    lacks: ['{"naïve 🦥":true}'],
  },
  {
    name: 'lists that begin with given items',
    schema: {
      type: 'array',
      prefixItems: [
        { type: 'string', maxLength: 3 },
        { type: 'integer', minimum: 0, maximum: 9 },
      ],
      items: { type: 'boolean' },
      minItems: 1,
      maxItems: 4,
    },
    has: ['["a"]', '["a",1]', '["a",1,true]', '["a",1,true,false]'],
    lacks: ['[]', '["a",true]', '["a",1,true,false,true]', '[1]'],
  },
  {
    name: 'properties that nothing can satisfy are left out',
    schema: {
      type: 'object',
      properties: {
        a: false,
        b: { type: 'integer', minimum: 3, maximum: 2 },
        c: { type: 'boolean' },
        d: { type: 'array', items: false },
      },
      required: ['c', 'd'],
      additionalProperties: false,
    },
    has: ['{"c":true,"d":[]}'],
    lacks: ['{"a":1,"c":true,"d":[]}', '{"c":true,"d":[1]}', '{"b":2,"c":true,"d":[]}'],
  },
  {
    name: 'a recursive schema of alternatives',
    schema: {
      $ref: '#/$defs/expr',
      $defs: {
        expr: {
          anyOf: [
            { type: 'integer', minimum: 0, maximum: 99 },
            {
              type: 'object',
              properties: {
                op: { enum: ['+', '*'] },
                left: { $ref: '#/$defs/leaf' },
                right: { $ref: '#/$defs/expr' },
              },
              required: ['op', 'left', 'right'],
              additionalProperties: false,
            },
          ],
        },
        leaf: { type: 'integer', minimum: 0, maximum: 9 },
      },
    },
    has: ['7', '{"op":"+","left":1,"right":{"op":"*","left":2,"right":33}}'],
    lacks: ['{"op":"-","left":1,"right":2}'],
  },
  {
    name: 'what a schema generator of Python writes',
    schema: {
      $defs: {
        Step: {
          properties: {
            explanation: { title: 'Explanation', type: 'string', maxLength: 10 },
            kind: { $ref: '#/$defs/Kind', description: 'of step', default: 'a' },
          },
          required: ['explanation', 'kind'],
          title: 'Step',
          type: 'object',
          additionalProperties: false,
        },
        Kind: { enum: ['a', 'b'], title: 'Kind', type: 'string' },
      },
      properties: {
        steps: { items: { $ref: '#/$defs/Step' }, title: 'Steps', type: 'array', maxItems: 2 },
        note: { anyOf: [shortText, { type: 'null' }], default: null, title: 'Note' },
      },
      required: ['steps', 'note'],
      title: 'Plan',
      type: 'object',
      additionalProperties: false,
    },
    has: ['{"steps":[{"explanation":"x","kind":"b"}],"note":null}'],
    lacks: ['{"steps":[{"explanation":"x","kind":"c"}],"note":null}'],
  },
];

/** Schemas that are refused: the keyword at fault, as a path below the schema. */
export const refusedSchemas: readonly (readonly [schema: unknown, path: string, code: string])[] = [
  [{ type: 'number', multipleOf: 5 }, '.multipleOf', 'unsupported_schema'],
  [
    { type: 'object', properties: { a: { type: 'integer', multipleOf: 2 } } },
    '.properties.a.multipleOf',
    'unsupported_schema',
  ],
  [{ type: 'object', patternProperties: { '^a': {} } }, '.patternProperties', 'unsupported_schema'],
  [{ type: 'object', propertyNames: { pattern: '^a' } }, '.propertyNames', 'unsupported_schema'],
  [{ type: 'object', minProperties: 1 }, '.minProperties', 'unsupported_schema'],
  [{ type: 'object', maxProperties: 3 }, '.maxProperties', 'unsupported_schema'],
  [
    { type: 'array', items: { anyOf: [{ type: 'null' }, { not: {} }] } },
    '.items.anyOf[1].not',
    'unsupported_schema',
  ],
  [{ type: 'array', uniqueItems: true }, '.uniqueItems', 'unsupported_schema'],
  [{ type: 'array', contains: {} }, '.contains', 'unsupported_schema'],
  [{ type: 'array', items: [{}] }, '.items', 'unsupported_schema'],
  [{ if: {}, else: {} }, '.if', 'unsupported_schema'],
  [{ type: 'object', dependentRequired: { a: ['b'] } }, '.dependentRequired', 'unsupported_schema'],
  [{ type: 'object', unevaluatedProperties: false }, '.unevaluatedProperties', 'unsupported_schema'],
  [{ type: 'string', format: 'uri' }, '.format', 'unsupported_schema'],
  [{ type: 'string', pattern: 'a(?=b)' }, '.pattern', 'unsupported_schema'],
  [{ type: 'string', pattern: '(a)\\1' }, '.pattern', 'unsupported_schema'],
  [{ type: 'string', maxLength: 1_000_000 }, '.maxLength', 'unsupported_schema'],
  [{ type: 'array', maxItems: 1_000_000 }, '.maxItems', 'unsupported_schema'],
  [{ type: 'string', contentEncoding: 'base64' }, '.contentEncoding', 'unsupported_schema'],
  [{ type: 'string', nullable: true }, '.nullable', 'unsupported_schema'],
  [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, '.oneOf', 'unsupported_schema'],
  [
    {
      oneOf: [
        { properties: { a: { const: 1 } }, required: ['a'] },
        { properties: { a: { const: 2 } }, required: ['a'] },
      ],
    },
    '.oneOf',
    'unsupported_schema',
  ],
  [{ $ref: 'https://example.org/schema' }, '.$ref', 'unsupported_schema'],
  [{ $ref: '#' }, '', 'unsupported_schema'],
  [
    { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' },
    '.$defs.a',
    'unsupported_schema',
  ],
  [
    { type: 'object', properties: { a: { enum: ['x'], pattern: '^y' } } },
    '.properties.a.pattern',
    'unsupported_schema',
  ],
  [{ type: 'object', properties: { 'a.b': { not: {} } } }, '.properties["a.b"].not', 'unsupported_schema'],
  [
    { allOf: Array.from({ length: 9 }, () => ({ anyOf: [{ minimum: 1 }, { maximum: 1 }] })) },
    '.allOf[8]',
    'unsupported_schema',
  ],
  [{ $ref: '#/$defs/none' }, '.$ref', 'invalid_parameter'],
  [{ $ref: '#/%zz' }, '.$ref', 'invalid_parameter'],
  [{ type: 'text' }, '.type', 'invalid_parameter'],
  [{ enum: [] }, '.enum', 'invalid_parameter'],
  [{ type: 'integer', minimum: '3' }, '.minimum', 'invalid_parameter'],
  [{ type: 'string', minLength: -1 }, '.minLength', 'invalid_parameter'],
  [{ type: 'object', properties: { a: 3 } }, '.properties.a', 'invalid_parameter'],
  [{ type: 'object', properties: [] }, '.properties', 'invalid_parameter'],
  [{ type: 'object', required: 'a' }, '.required', 'invalid_parameter'],
  [{ anyOf: [] }, '.anyOf', 'invalid_parameter'],
  ['string', '', 'invalid_parameter'],
];
