/** Home: what Filespool is, for whom, what it is not for, and the first thing to touch. */
import Link from "@docusaurus/Link";
import Layout from "@theme/Layout";
import { HEADER_BYTES } from "../../../src/protocol/frame.ts";

export default function Home() {
  return (
    <Layout description="Send a file now, collect it later, over plain TCP.">
      <main className="container home">
        <h1>Send a file now, collect it later.</h1>
        <p>
          Each frame opens with {HEADER_BYTES} bytes. <Link to="/start">Start</Link>
        </p>
      </main>
    </Layout>
  );
}
