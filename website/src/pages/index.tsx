/** Home: what Filespool is, for whom, what it is not for, and the first thing to touch. */
import Link from "@docusaurus/Link";
import Layout from "@theme/Layout";
import MDXContent from "@theme/MDXContent";
import "../css/home.css";
import { JourneyPicture } from "../components/JourneyPicture.tsx";
import { FrameExplorer } from "../live/index.tsx";
import Promises from "./_promises.mdx";
import QuickStart from "./_quick-start.mdx";

const ROADS = [
  ["/start", "Start", "Run it in three terminals, kill it half-way, and see what the code does about it."],
  [
    "/workshop",
    "Workshop",
    "Nine pages, from “bytes are not messages” to “convincing ourselves”, each with something that breaks.",
  ],
  ["/design", "Design", "Promises and what is not promised, alternatives, what broke elsewhere, how it grows."],
  ["/reference", "Reference", "Every byte, field, state, error, limit and flag, made from the code."],
  ["/decisions", "Decisions", "What was asked, weighed and chosen, and how one can tell that it holds."],
  ["/benchmarks", "Benchmarks", "How fast, beside others and beside the ceilings, with the targets that were missed."],
] as const;

export default function Home() {
  return (
    <Layout description="Send a file now, collect it later, over plain TCP. A reference implementation to read, run and break.">
      <main className="container home">
        <section className="home-hero">
          <div>
            <h1>
              Send a file now, <em>collect it later.</em>
            </h1>
            <p className="home-lead">
              Filespool keeps files in queues on a server’s disk until somebody takes them. Any of the three programs
              may be killed at any byte: the transfer goes on from what was on disk, and what was reported stored is
              never lost.
            </p>
            <div className="home-doors">
              <Link className="home-door" to="/start">
                Run it
              </Link>
              <Link className="home-door" to="/workshop">
                Learn how it works
              </Link>
            </div>
          </div>
          <JourneyPicture />
        </section>

        <section aria-label="A frame, to touch">
          <FrameExplorer id="home" />
        </section>

        <section className="home-section home-three" aria-label="What it is for">
          <div className="home-card">
            <h2>What it is</h2>
            <p>
              A server, a sender and a receiver over plain TCP, or TLS with a right for each queue; a library; and a
              protocol small enough to implement again. It takes files, whole folders and pipes. Real software that
              works unattended, written to be read: the shortest honest text on how such a system is built.
            </p>
            <p>
              <Link to="/start/reading-order#minimal">Read eight files first: an hour</Link>
            </p>
          </div>
          <div className="home-card">
            <h2>For whom</h2>
            <ul>
              <li>
                Engineers who want to see framing, resuming, acknowledging and fsync done right, with the reasons beside
                them.
              </li>
              <li>Teams that move files between programs that are not up at the same time.</li>
              <li>Teachers: every page has something that breaks.</li>
            </ul>
          </div>
          <div className="home-card" data-kind="not">
            <h2>Not for</h2>
            <ul>
              <li>Keeping two folders equal: use rsync.</li>
              <li>Uploads from a browser: use tus.</li>
              <li>Millions of small messages: use a broker.</li>
            </ul>
            <p>
              <Link to="/design/alternatives">The long answer</Link>
            </p>
          </div>
        </section>

        <section className="home-section">
          <h2>Three terminals</h2>
          <p>
            Node 20.19 or newer is all it needs. <code>npm run demo</code> shows the same in one, and kills the server
            in the middle.
          </p>
          <div className="markdown">
            <MDXContent>
              <QuickStart />
            </MDXContent>
          </div>
        </section>

        <section className="home-section home-promises">
          <h2>Nine promises</h2>
          <p>
            Each has tests that fail when it is broken; one of them is named here, the rest with their conditions under{" "}
            <Link to="/design/guarantees">guarantees</Link>.
          </p>
          <MDXContent>
            <Promises />
          </MDXContent>
        </section>

        <section className="home-section">
          <h2>Where to go</h2>
          <div className="home-three">
            {ROADS.map(([to, title, text]) => (
              <Link className="home-card" key={to} to={to}>
                <h3>{title}</h3>
                <p>{text}</p>
              </Link>
            ))}
          </div>
        </section>
      </main>
    </Layout>
  );
}
