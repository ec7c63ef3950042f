// `npm test`: sets the checkout up, then runs every check and every test, and ends with a line of totals.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, run, setUp, status } from './setup.mjs';

const vitest = join('node_modules', 'vitest', 'vitest.mjs');
const checks = [
  ['format', 'prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.'],
  ['lint', 'oxlint/bin/oxlint', '--type-aware', '--deny-warnings'],
  ['types', 'typescript/bin/tsc', '-p', 'tsconfig.json'],
  // All but the two that need the peer, which only benchmarks install.
  ['types of bench', 'typescript/bin/tsc', '-p', 'bench/tsconfig.check.json'],
  [
    'structure',
    'dependency-cruiser/bin/dependency-cruise.mjs',
    '--config',
    '.dependency-cruiser.cjs',
    'src',
    'test',
  ],
];
const projects = ['unit', 'structure', 'http', 'native', 'e2e'];

setUp();
for (const [name, script, ...args] of checks) {
  console.log(`\n--- ${name}`);
  run(process.execPath, [join('node_modules', ...script.split('/')), ...args]);
}

const reports = mkdtempSync(join(tmpdir(), 'heddle-test-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
for (const project of projects) {
  console.log(`\n--- ${project} tests`);
  const report = join(reports, `${project}.json`);
  const args = [
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  const failed = status(process.execPath, [join(root, vitest), ...args]) !== 0;
  const counts = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {};
  totals.passed += counts.numPassedTests ?? 0;
  totals.skipped += counts.numPendingTests ?? 0;
  // A run can fail without a failed test: a file that does not compile, an error after the last test.
  totals.failed += Math.max(counts.numFailedTests ?? 0, failed ? 1 : 0);
}
rmSync(reports, { recursive: true, force: true });
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed === 0 ? 0 : 1;
