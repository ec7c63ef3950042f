import { chainOf, contentOf } from './blocks.js';
import { DiskTier, type DiskTierOptions } from '../prefix-cache/disk-tier.js';

/*
 * A process that writes blocks into a directory, for tests of several writers and of writers that are killed. Its one
 * argument is a `WriterPlan` as JSON. It says `ready` before it writes, and its statistics at the end.
 */

export interface WriterPlan {
  readonly options: DiskTierOptions;
  /** Seeds of the chains to write, one after the other. */
  readonly seeds: readonly number[];
  readonly blocks: number;
  readonly payloadBytes: number;
  /** Writes all chains again and again, clearing in between, until it is killed. */
  readonly forever: boolean;
}

function main(plan: WriterPlan): void {
  const tier = new DiskTier(plan.options);
  process.stdout.write('ready\n');
  do {
    for (const seed of plan.seeds)
      for (const key of chainOf(plan.blocks, seed)) tier.write(key, contentOf(key.id, plan.payloadBytes));
    if (plan.forever) tier.clear();
  } while (plan.forever);
  const stats = tier.stats();
  tier.close();
  process.stdout.write(`${JSON.stringify(stats)}\n`);
}

const [, , plan] = process.argv;
if (plan !== undefined) main(JSON.parse(plan) as WriterPlan);
