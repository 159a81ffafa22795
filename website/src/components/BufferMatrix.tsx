/**
 * What each buffer size brings, for small, middling and large files: medians of a committed sweep, drawn when the site is
 * built. A bar compares within its column; the fastest of a column is bold.
 */
import { median } from "../../plugins/median.ts";
import { bytes, rounded } from "../../plugins/units.ts";
import type { Case, Results } from "./BenchmarkChart.tsx";

/** A case of the sweep; its key is filespool/FILE/BUFFER/DURABILITY/tls-off/PLACE. */
interface Swept {
  readonly file: string;
  readonly buffer: string;
  readonly setting: string;
  readonly perSecond: number;
  readonly text: string;
}

const SETTINGS: Readonly<Record<string, string>> = {
  "fsync memory": "In memory, where a sync is free: the code",
  "fsync disk": "On a disk, with every sync: what a user pays",
  "none disk": "On a disk, with --durability none",
};

function swept({ key, bytes: total, files, samples }: Case): Swept[] {
  const [kind, file = "", buffer = "", durability = "", , place = ""] = key.split("/");
  if (kind !== "filespool") return [];
  const seconds = median(samples.map(({ ms }) => ms)) / 1000;
  const isSmall = total / files < 1024 ** 2;
  const perSecond = (isSmall ? files : total) / seconds;
  const text = isSmall ? `${rounded(Math.round(perSecond))} files/s` : `${bytes(perSecond)}/s`;
  return [{ file, buffer, setting: `${durability} ${place}`, perSecond, text }];
}

export function BufferMatrix({ results }: { readonly results: readonly Results[] }) {
  const all = results.flatMap(({ cases }) => cases.flatMap(swept));
  return Object.entries(SETTINGS).map(([setting, title]) => (
    <Matrix key={setting} title={title} points={all.filter((each) => each.setting === setting)} />
  ));
}

function Matrix({ title, points }: { readonly title: string; readonly points: readonly Swept[] }) {
  // In the order in which they were measured, the smallest first.
  const files = [...new Set(points.map(({ file }) => file))];
  const buffers = [...new Set(points.map(({ buffer }) => buffer))];
  const best = (file: string) =>
    Math.max(...points.filter((each) => each.file === file).map(({ perSecond }) => perSecond));
  return (
    <table>
      <caption>{title}</caption>
      <thead>
        <tr>
          <th scope="col">Buffer</th>
          {files.map((file) => (
            <th key={file} scope="col">
              {file} each
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {buffers.map((buffer) => (
          <tr key={buffer}>
            <td>{buffer}</td>
            {files.map((file) => {
              const point = points.find((each) => each.file === file && each.buffer === buffer);
              if (!point) return <td key={file} />;
              const share = Math.round((100 * point.perSecond) / best(file));
              const bar = `linear-gradient(90deg, color-mix(in srgb, var(--spool) 22%, transparent) ${share}%, transparent 0)`;
              return (
                <td key={file} style={{ backgroundImage: bar }}>
                  {share === 100 ? <strong>{point.text}</strong> : point.text}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
