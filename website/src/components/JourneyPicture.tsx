/**
 * The journey of a file as a picture: sender, spool, receiver, and what is said between them. Plain SVG in the colours of
 * the theme; the words beside it say the same.
 */
const THREADS = [62, 82, 102, 122, 142, 162];

export function JourneyPicture() {
  return (
    <svg className="home-picture" viewBox="0 0 560 250" role="img" aria-labelledby="journey-title">
      <title id="journey-title">
        A sender puts a file into a queue on the server's disk and hears "stored". Later a receiver takes it out and
        says "ack".
      </title>
      <g fill="none" stroke="var(--line)" strokeWidth="2">
        <rect x="8" y="78" width="104" height="70" rx="10" fill="var(--paper-raised)" />
        <rect x="448" y="78" width="104" height="70" rx="10" fill="var(--paper-raised)" />
      </g>
      <g stroke="var(--spool)" strokeWidth="11" strokeLinecap="round">
        <path d="M225 44v138M335 44v138" />
      </g>
      <g stroke="var(--thread)" strokeWidth="7" strokeLinecap="round">
        {THREADS.map((y) => (
          <path key={y} d={`M240 ${y}h80`} />
        ))}
      </g>
      <g fill="none" stroke="var(--thread)" strokeWidth="3" strokeLinecap="round">
        <path d="M116 100C160 100 175 62 238 62" />
        <path d="M322 162C385 162 400 122 444 122" />
      </g>
      <g fill="none" stroke="var(--spool)" strokeWidth="2" strokeDasharray="2 6" strokeLinecap="round">
        <path d="M214 150C170 150 150 134 118 134" />
        <path d="M444 96C410 96 400 78 346 78" />
      </g>
      <g
        fill="var(--ink)"
        fontFamily="var(--ifm-heading-font-family)"
        fontSize="17"
        fontWeight="650"
        textAnchor="middle"
      >
        <text x="60" y="119">
          sender
        </text>
        <text x="500" y="119">
          receiver
        </text>
        <text x="280" y="218">
          server
        </text>
      </g>
      <g fill="var(--ink-soft)" fontFamily="var(--ifm-font-family-base)" fontSize="14" textAnchor="middle">
        <text x="150" y="66">
          offer, data
        </text>
        <text x="160" y="174">
          stored
        </text>
        <text x="405" y="174">
          deliver, data
        </text>
        <text x="404" y="66">
          ack
        </text>
        <text x="280" y="239">
          a queue, on disk
        </text>
      </g>
    </svg>
  );
}
