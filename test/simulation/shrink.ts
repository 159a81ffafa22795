/**
 * Makes a failing plan short: leaves out faults, senders, receivers and files one by one, and keeps what still fails.
 *
 * What is left out changes what chance does to the rest, so a smaller plan may fail in another way, or no more. That is
 * tried, not predicted: as in delta debugging (Zeller, "Yesterday, my program worked", 1999), one thing at a time until
 * nothing more can go.
 */
import type { Plan } from "./plan.ts";

/** Plans that lack one thing. */
function* smaller(plan: Plan): Generator<Plan> {
  const without = <T>(list: readonly T[], at: number): T[] => list.filter((_, index) => index !== at);
  for (const at of plan.faults.keys()) yield { ...plan, faults: without(plan.faults, at) };
  if (plan.senders.length > 1)
    for (const [at, { name }] of plan.senders.entries())
      yield {
        ...plan,
        senders: without(plan.senders, at),
        faults: plan.faults.filter(({ machine }) => machine !== name),
      };
  for (const [at, { name, queue }] of plan.receivers.entries()) {
    const receivers = without(plan.receivers, at);
    const isNeeded = plan.senders.some((sender) => sender.queue === queue);
    if (!isNeeded || receivers.some((receiver) => receiver.queue === queue))
      yield { ...plan, receivers, faults: plan.faults.filter(({ machine }) => machine !== name) };
  }
  for (const [at, sender] of plan.senders.entries())
    for (const index of sender.files.length > 1 ? sender.files.keys() : [])
      yield { ...plan, senders: plan.senders.with(at, { ...sender, files: without(sender.files, index) }) };
}

/** @param fails runs a plan and says whether it (still) fails; called at most `runsMax` times */
export async function shrink(plan: Plan, fails: (plan: Plan) => Promise<boolean>, runsMax = 200): Promise<Plan> {
  let runs = 0;
  let smallest = plan;
  for (let found = true; found; ) {
    found = false;
    for (const candidate of smaller(smallest)) {
      if (runs++ >= runsMax) return smallest;
      if (!(await fails(candidate))) continue;
      smallest = candidate;
      found = true;
      break;
    }
  }
  return smallest;
}
