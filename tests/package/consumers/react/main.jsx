// A component that waits for a video, in StrictMode: each effect begins, is undone and begins again.
import { VideoClient } from "iacrea-video";
import { StrictMode, useEffect, useState, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { show } from "./common/show.js";

show(({ baseUrl, id }) => new Promise((resolve, reject) => {
  const { poll: begin } = new VideoClient({ baseUrl });
  const updates = [];
  let begun = 0;

  function Watch() {
    const [poll, setPoll] = useState();
    useEffect(() => {
      begun += 1;
      const own = begin(id, {
        minIntervalMs: 30,
        maxIntervalMs: 80,
        onUpdate: ({ status, overall }) => updates.push({ status, overall }),
      });
      setPoll(own);
      own.done.then(
        ({ status, url, id, requests }) => resolve({ status, url, id, requests, updates }),
        (error) => error.name === "AbortError" || reject(error),
      );
      return own.cancel;
    }, []);
    return poll ? <Shown poll={poll} /> : null;
  }

  function Shown({ poll }) {
    const update = useSyncExternalStore(poll.subscribe, () => poll.current);
    useEffect(() => {
      if (update && begun !== 2) reject(new Error(`the effect began ${begun} times: is this StrictMode?`));
    });
    return <progress value={update?.overall ?? 0} />;
  }

  createRoot(document.getElementById("root"), { onUncaughtError: reject }).render(<StrictMode><Watch /></StrictMode>);
}));
