/*
 * The import rule of ARCHITECTURE.md, as a machine check. Data flows one way: cli -> http -> prompt, pool -> engine ->
 * scheduler -> core, and native is reached only by the engine thread, which loads it at run time by name.
 */

/** Folders of src/ and what each may import besides itself. */
const allowed = {
  core: [],
  native: ['^src/core/'],
  scheduler: ['^src/core/'],
  'prefix-cache': ['^src/core/'],
  speculation: ['^src/core/'],
  grammar: ['^src/core/'],
  engine: ['^src/core/', '^src/grammar/', '^src/scheduler/', '^src/prefix-cache/', '^src/speculation/'],
  pool: ['^src/core/', '^src/engine/engine\\.ts$'],
  metrics: ['^src/core/', '^src/engine/engine\\.ts$', '^src/pool/'],
  prompt: ['^src/core/', '^src/grammar/'],
  config: ['^src/core/', '^src/pool/'],
  http: [
    '^src/core/',
    '^src/engine/engine\\.ts$',
    '^src/grammar/',
    '^src/metrics/',
    '^src/pool/',
    '^src/prompt/',
  ],
  bench: ['^src/core/'],
  cli: [
    '^src/bench/',
    '^src/core/',
    '^src/engine/(engine|create-engine)\\.ts$',
    '^src/metrics/',
    '^src/pool/',
    '^src/prompt/',
    '^src/http/',
    '^src/config/',
  ],
};

const tests = '\\.test\\.ts$';

module.exports = {
  forbidden: [
    ...Object.entries(allowed).map(([folder, others]) => ({
      name: `${folder}-imports`,
      comment: `src/${folder} may import only ${['itself', ...others].join(', ')}`,
      severity: 'error',
      from: { path: `^src/${folder}/`, pathNot: tests },
      to: { path: '^src/', pathNot: [`^src/${folder}/`, ...others] },
    })),
    {
      name: 'no-cycles',
      comment: 'No import cycles, those of types included',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'ffi-only-in-native',
      comment: 'Only src/native may import the FFI library and the native packages',
      severity: 'error',
      from: { pathNot: ['^src/native/', '^bench/'] },
      to: { path: '(^|/)(koffi|@node-llama-cpp)(/|$)' },
    },
    {
      name: 'gateway-never-reaches-native',
      comment: 'The gateway main thread must not load native code, however indirectly',
      severity: 'error',
      from: {
        path: '^src/(bench|cli|config|grammar|http|metrics|pool|prompt|engine|speculation|index)',
        pathNot: tests,
      },
      to: { path: '^src/native/', reachable: true },
    },
    {
      name: 'scheduler-is-pure',
      comment: 'The scheduler does no I/O: no packages, no Node modules',
      severity: 'error',
      from: { path: '^src/(scheduler|core)/', pathNot: tests },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer'] },
    },
    {
      name: 'no-testing-in-production',
      comment: 'src/testing is for tests',
      severity: 'error',
      from: { path: '^src/', pathNot: [tests, '^src/testing/'] },
      to: { path: '^src/testing/' },
    },
    {
      name: 'declared-packages-only',
      comment: 'Production code imports only packages that are installed with heddle',
      severity: 'error',
      from: { path: '^src/', pathNot: [tests, '^src/testing/'] },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'unknown', 'undetermined'] },
    },
    {
      name: 'not-resolvable',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
