/**
 * The live elements by name, each loaded only when a page shows one.
 *
 * Refuses to know how they work. Adding one: here, in first-look/server.tsx, and in index.tsx.
 */
import type { ComponentType } from "react";

type Load = () => Promise<ComponentType<never>>;

export const ELEMENTS = {
  FrameExplorer: () => import("./explorer/FrameExplorer.tsx").then((file) => file.FrameExplorer),
  StateStepper: () => import("./stepper/StateStepper.tsx").then((file) => file.StateStepper),
  Timeline: () => import("./timeline/Timeline.tsx").then((file) => file.Timeline),
  BufferChart: () => import("./chart/BufferChart.tsx").then((file) => file.BufferChart),
  CrashScrubber: () => import("./crash/CrashScrubber.tsx").then((file) => file.CrashScrubber),
  Capacity: () => import("./capacity/Capacity.tsx").then((file) => file.Capacity),
} as const satisfies Record<string, Load>;

export type ElementName = keyof typeof ELEMENTS;
