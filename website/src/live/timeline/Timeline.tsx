/**
 * The timeline: a sender, a server and a receiver exchange real frames over a network that the reader can spoil.
 *
 * Only controls and drawing. The run itself is computed whole in run.ts and is the same for the same settings, so that
 * scrubbing is looking and never doing; `story` is given where there is no time to compute one, when the site is built.
 */
import { useEffect, useState } from "react";
import live from "../live.module.css";
import { duration, size } from "../shared/bytes.ts";
import { Bar, Share, Slider, Steps } from "../shared/controls.tsx";
import { useShared } from "../shared/use-shared.ts";
import { Now } from "./Now.tsx";
import { moments } from "./picture.ts";
import { run } from "./run.ts";
import { Sequence } from "./Sequence.tsx";
import { CHOICES, decodeSettings, encodeSettings, FAULTS_MAX, FIRST } from "./settings.ts";
import { at, FAULTS, type Fault, type Settings, type Story } from "./story.ts";
import styles from "./timeline.module.css";

const KINDS = Object.keys(FAULTS) as Fault["kind"][];
/** When the story is told: a moment, or its end. */
const WHEN = {
  encode: (ms: number | null) => (ms === null ? "end" : String(ms)),
  decode: (text: string) => (/^\d{1,7}$/.test(text) ? Number(text) : null),
};

export function Timeline({
  settings: given,
  id = "timeline",
  story: first = null,
}: {
  settings?: string;
  id?: string;
  story?: Story | null;
}) {
  const [settings, setSettings] = useShared<Settings>(id, decodeSettings(given ?? "") ?? FIRST, {
    encode: encodeSettings,
    decode: decodeSettings,
  });
  const [when, setWhen] = useShared<number | null>(`${id}-at`, null, WHEN);
  const [story, setStory] = useState<Story | null>(first);
  const [isPlaying, setPlaying] = useState(false);

  useEffect(() => {
    let isCurrent = true;
    void run(settings).then((told) => isCurrent && setStory(told));
    return () => {
      isCurrent = false;
    };
  }, [settings]);

  const endMs = Math.ceil(story?.endMs ?? 0);
  const ms = Math.min(when ?? endMs, endMs);

  // The whole story takes six seconds, whatever its own time.
  useEffect(() => {
    if (!isPlaying) return undefined;
    if (ms >= endMs) {
      setPlaying(false);
      return undefined;
    }
    const timer = setTimeout(() => setWhen(Math.min(endMs, Math.round(ms + endMs / 120))), 50);
    return () => clearTimeout(timer);
  });

  const change = (part: Partial<Settings>) => setSettings({ ...settings, ...part });
  const strike = (kind: Fault["kind"]) =>
    change({ faults: [...settings.faults, { kind, atMs: ms }].sort((a, b) => a.atMs - b.atMs).slice(0, FAULTS_MAX) });
  const step = (direction: 1 | -1) => {
    const all = story ? moments(story) : [];
    setWhen((direction > 0 ? all.find((one) => one > ms) : all.findLast((one) => one < ms)) ?? ms);
  };

  return (
    <div className={live.card}>
      <div className={styles.settings}>
        <Steps
          label="Latency, one way:"
          values={CHOICES.latencyMs}
          value={settings.latencyMs}
          text={duration}
          onChange={(latencyMs) => change({ latencyMs })}
        />
        <Steps
          label="Bandwidth:"
          values={CHOICES.bytesPerSecond}
          value={settings.bytesPerSecond}
          text={(value) => `${size(value)}/s`}
          onChange={(bytesPerSecond) => change({ bytesPerSecond })}
        />
        <Steps
          label="Buffer:"
          values={CHOICES.bufferBytes}
          value={settings.bufferBytes}
          text={size}
          onChange={(bufferBytes) => change({ bufferBytes })}
        />
        <Steps
          label="File:"
          values={CHOICES.fileBytes}
          value={settings.fileBytes}
          text={size}
          onChange={(fileBytes) => change({ fileBytes })}
        />
      </div>
      <Slider
        label="Moment:"
        value={ms}
        min={0}
        max={Math.max(endMs, 1)}
        text={`${duration(ms)} of ${duration(endMs)}`}
        onChange={setWhen}
      />
      <Bar>
        <button type="button" className={live.quiet} disabled={ms <= 0} onClick={() => step(-1)}>
          Event before
        </button>
        <button type="button" className={live.quiet} disabled={ms >= endMs} onClick={() => step(1)}>
          Next event
        </button>
        <button
          type="button"
          className={`${live.quiet} ${styles.play}`}
          onClick={() => {
            if (!isPlaying && ms >= endMs) setWhen(0);
            setPlaying(!isPlaying);
          }}
        >
          {isPlaying ? "Pause" : "Play"}
        </button>
      </Bar>
      <fieldset className={styles.faults}>
        <legend>At this moment ...</legend>
        {KINDS.map((kind) => (
          <button
            key={kind}
            type="button"
            className={live.button}
            disabled={settings.faults.length >= FAULTS_MAX}
            onClick={() => strike(kind)}
          >
            {FAULTS[kind].text}
          </button>
        ))}
      </fieldset>
      {settings.faults.length > 0 && (
        <fieldset className={styles.faults}>
          <legend>Accidents of this run</legend>
          {settings.faults.map((fault, index) => (
            <button
              key={index}
              type="button"
              className={styles.fault}
              aria-label={`${duration(fault.atMs)}: ${FAULTS[fault.kind].text}, take back`}
              onClick={() => change({ faults: settings.faults.filter((_, other) => other !== index) })}
            >
              {duration(fault.atMs)}: {FAULTS[fault.kind].text} <span aria-hidden="true">{"\u00d7"}</span>
            </button>
          ))}
        </fieldset>
      )}
      {story ? (
        <div className={styles.sides}>
          <Sequence story={story} ms={ms} />
          <div>
            <Now story={story} moment={at(story, ms)} settings={settings} />
            <Log story={story} ms={ms} onJump={setWhen} />
          </div>
        </div>
      ) : (
        <div className={styles.waiting} aria-busy="true" />
      )}
      <Bar>
        <button type="button" className={live.quiet} onClick={() => change({ seed: settings.seed + 1 })}>
          Another seed ({settings.seed})
        </button>
        <button type="button" className={live.quiet} onClick={() => setSettings(FIRST)}>
          Start again
        </button>
        <Share />
      </Bar>
    </div>
  );
}

/** What happened, in words: what the picture shows, for those who do not see it. */
function Log({ story, ms, onJump }: { story: Story; ms: number; onJump: (ms: number) => void }) {
  return (
    <fieldset className={styles.log}>
      <legend>What happens</legend>
      <ol>
        {story.marks.map(({ atMs, who, kind, text }, index) => (
          <li key={index} data-kind={kind} data-later={atMs > ms}>
            <button type="button" onClick={() => onJump(Math.ceil(atMs))}>
              {duration(Math.round(atMs))} <strong>{who}</strong> {text}
            </button>
          </li>
        ))}
      </ol>
    </fieldset>
  );
}
