/**
 * Charts of committed results, drawn when the site is built: a bar and its range for each case, beside the numbers. One
 * scale for each group. Nothing here was typed in: labels, medians and ranges are what benchmarks/results has.
 */
import CodeInline from "@theme/CodeInline";
import type { ReactNode } from "react";
import { median } from "../../plugins/median.ts";
import { bytes, rounded } from "../../plugins/units.ts";

export interface Case {
  readonly key: string;
  readonly group: string;
  readonly label: string;
  readonly checks: string;
  readonly syncs: string;
  readonly bytes: number;
  readonly files: number;
  readonly samples: readonly { readonly ms: number }[];
}

interface Target {
  readonly name: string;
  readonly measured: string;
  readonly target: string;
  readonly isMet: boolean;
}

export interface Results {
  readonly date: string;
  readonly commit: string;
  readonly node: string;
  readonly machine: { readonly cpu: string; readonly cores: number };
  readonly command: string;
  readonly cases: readonly Case[];
  readonly targets: readonly Target[];
}

const WIDTH = 180;
const HEADS = ["Case", "Time, median", "Rate", "Chart", "It checks", "It syncs"] as const;

/** As plugins/stacked-tables.ts has it for tables of Markdown: what is no longer laid out as one may lose its role. */
const as = (role: string) => ({ role });

function Cell({ head, children }: { readonly head: (typeof HEADS)[number]; readonly children: ReactNode }) {
  return (
    <td {...as("cell")} data-label={head === "Case" ? undefined : head}>
      {children}
    </td>
  );
}

/** Where and when, in one sentence, with the command that repeats it. */
export function RunFacts({ results }: { readonly results: Results }) {
  return (
    <p>
      {results.date.slice(0, 10)}, commit <code>{results.commit}</code>, {results.machine.cores} cores of an{" "}
      {results.machine.cpu}, Node {results.node}: <CodeInline>{results.command}</CodeInline>
    </p>
  );
}

export function BenchmarkChart({ results }: { readonly results: Results }) {
  const groups = [...new Set(results.cases.map(({ group }) => group))];
  return groups.map((group) => (
    <Group key={group} title={group} cases={results.cases.filter((each) => each.group === group)} />
  ));
}

function Group({ title, cases }: { readonly title: string; readonly cases: readonly Case[] }) {
  const most = Math.max(...cases.flatMap(({ samples }) => samples.map(({ ms }) => ms)));
  const scale = (ms: number) => (ms / most) * WIDTH;
  return (
    <table className="stacks" {...as("table")}>
      <caption>{title}: shorter is faster; the line shows the fastest and the slowest run</caption>
      <thead {...as("rowgroup")}>
        <tr {...as("row")}>
          {HEADS.map((head) => (
            <th key={head} scope="col" {...as("columnheader")}>
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody {...as("rowgroup")}>
        {cases.map((each) => {
          const times = each.samples.map(({ ms }) => ms);
          const middle = median(times);
          const rate =
            each.files > 1
              ? `${rounded((each.files / middle) * 1000)} files/s`
              : `${bytes((each.bytes / middle) * 1000)}/s`;
          return (
            <tr key={each.key} {...as("row")}>
              <Cell head="Case">{each.label}</Cell>
              <Cell head="Time, median">{rounded(middle)} ms</Cell>
              <Cell head="Rate">{rate}</Cell>
              <Cell head="Chart">
                <svg width={WIDTH} height="18" viewBox={`0 0 ${WIDTH} 18`} aria-hidden="true">
                  <rect x="0" y="3" width={scale(middle)} height="12" rx="2" fill="var(--spool)" />
                  <path
                    d={`M${scale(Math.min(...times))} 9H${scale(Math.max(...times))}`}
                    stroke="var(--thread)"
                    strokeWidth="3"
                  />
                </svg>
              </Cell>
              <Cell head="It checks">{each.checks}</Cell>
              <Cell head="It syncs">{each.syncs}</Cell>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** What was aimed at, and where it stands; misses are said as plainly as hits. */
export function Targets({ results }: { readonly results: Results }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Target</th>
          <th scope="col">At least or at most</th>
          <th scope="col">Measured</th>
          <th scope="col">Met?</th>
        </tr>
      </thead>
      <tbody>
        {results.targets.map(({ name, target, measured, isMet }) => (
          <tr key={name}>
            <td>{name}</td>
            <td>{target}</td>
            <td>{measured}</td>
            <td>{isMet ? "met" : "missed"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
