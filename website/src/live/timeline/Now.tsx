/** One moment of a run in words and bars: the four conversations, and how far the file is. Draws; knows nothing else. */
import live from "../live.module.css";
import { size } from "../shared/bytes.ts";
import type { Moment, Settings, Story } from "./story.ts";
import styles from "./timeline.module.css";

function Level({ label, bytes, of }: { label: string; bytes: number; of: number }) {
  return (
    <div className={styles.level}>
      <span>
        {label}: {size(bytes)}
      </span>
      <progress value={of === 0 ? 1 : bytes} max={Math.max(of, 1)} aria-label={`${label}: ${bytes} of ${of} bytes`} />
    </div>
  );
}

export function Now({ story, moment, settings }: { story: Story; moment: Moment; settings: Settings }) {
  const { states, taken, durable, held, inFlight, isStored, isLanded, last } = moment;
  const isWhole = story.landed === story.sent;
  return (
    <div>
      <p
        role="status"
        className={live.verdict}
        data-kind={isLanded ? "done" : last?.kind === "error" || last?.kind === "fault" ? "error" : "waiting"}
      >
        <strong>
          {isLanded
            ? isWhole
              ? "Landed, digest matches."
              : "The digest does not match."
            : isStored
              ? "Stored."
              : "On the way."}
        </strong>{" "}
        {last ? `${last.who}: ${last.text}.` : "Nothing has happened yet."}
      </p>
      <dl className={styles.states}>
        <dt>sender</dt>
        <dd>{states.sender}</dd>
        <dt>server, upload</dt>
        <dd>{states.upload}</dd>
        <dt>server, delivery</dt>
        <dd>{states.delivery}</dd>
        <dt>receiver</dt>
        <dd>{states.receiver}</dd>
        <dt>on the wire</dt>
        <dd>
          {inFlight.length === 0 ? "nothing" : `${inFlight.length} ${inFlight.length === 1 ? "frame" : "frames"}`}
        </dd>
      </dl>
      <Level label="Taken by the server" bytes={isStored ? settings.fileBytes : taken} of={settings.fileBytes} />
      <Level label="Durable" bytes={isStored ? settings.fileBytes : durable} of={settings.fileBytes} />
      <Level label="With the receiver" bytes={held} of={settings.fileBytes} />
    </div>
  );
}
