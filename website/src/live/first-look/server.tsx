/**
 * Draws the first state of a live element to text, while the site is built. The browser never loads this file.
 *
 * Invariant: what it draws is what the element draws when it starts, since it is the element that draws it.
 */
import type { ComponentType } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { Capacity } from "../capacity/Capacity.tsx";
import { BufferChart } from "../chart/BufferChart.tsx";
import { CrashScrubber } from "../crash/CrashScrubber.tsx";
import type { ElementName } from "../elements.ts";
import { FrameExplorer } from "../explorer/FrameExplorer.tsx";
import firstStory from "../recordings/first-story.json";
import { StateStepper } from "../stepper/StateStepper.tsx";
import type { Story } from "../timeline/story.ts";
import { Timeline } from "../timeline/Timeline.tsx";

/** The run that it starts with was played before: a page that is being built cannot wait for one. */
const FirstTimeline = (props: { settings?: string }) => (
  <Timeline {...props} story={props.settings === undefined ? (firstStory as unknown as Story) : null} />
);

const COMPONENTS: Record<ElementName, ComponentType<never>> = {
  FrameExplorer,
  StateStepper,
  Timeline: FirstTimeline,
  BufferChart,
  CrashScrubber,
  Capacity,
};

export function firstLook(name: ElementName, props: object): string {
  const Element = COMPONENTS[name] as ComponentType<object>;
  return renderToStaticMarkup(<Element {...props} />);
}
