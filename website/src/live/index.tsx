/**
 * The live elements, as pages use them. Each runs the real src/protocol in the page; see adr/0049.
 *
 * Nothing of an element is loaded here: each is an island that loads its own. Props are the first state; what the
 * reader does with it goes into the address of the page, under `id` where one page has two of a kind.
 */
import { Island } from "./Island.tsx";

/** `preset`: a golden vector or a recorded stream, by the id in the list. */
export const FrameExplorer = (props: { preset?: string; id?: string }) => (
  <Island name="FrameExplorer" props={props} label="Frame explorer" />
);

/** `machine`: the name of a transition table, such as UPLOAD_SENDER. */
export const StateStepper = (props: { machine?: string; id?: string }) => (
  <Island name="StateStepper" props={props} label="State stepper" />
);

/** `settings`: a run, as the address of the page names it after `timeline=`. */
export const Timeline = (props: { settings?: string; id?: string }) => (
  <Island name="Timeline" props={props} label="Timeline of a transfer" />
);

/** The measured buffer sizes of benchmarks/results/large.json, and a prediction. */
export const BufferChart = (props: { id?: string }) => (
  <Island name="BufferChart" props={props} label="Buffer sizes, measured and predicted" />
);

/** `scenario`: "store" or "land". */
export const CrashScrubber = (props: { scenario?: string; id?: string }) => (
  <Island name="CrashScrubber" props={props} label="Crash scrubber" />
);

/** What one machine holds. */
export const Capacity = (props: { id?: string }) => (
  <Island name="Capacity" props={props} label="Capacity calculator" />
);
