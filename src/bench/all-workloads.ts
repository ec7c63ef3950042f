import type { Workload } from './workload.js';
import { agent } from './workloads/agent.js';
import { cancel } from './workloads/cancel.js';
import { duo } from './workloads/duo.js';
import { fanOut } from './workloads/fan-out.js';
import { intruder } from './workloads/intruder.js';
import { overcommit } from './workloads/overcommit.js';
import { restart } from './workloads/restart.js';
import { steady } from './workloads/steady.js';

/** All workloads. */
export const workloads: readonly Workload[] = [
  steady,
  agent,
  intruder,
  fanOut,
  overcommit,
  restart,
  cancel,
  duo,
];
