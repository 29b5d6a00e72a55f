"use client";

import { VideoClient } from "iacrea-video";
import { useEffect, useRef } from "react";
import { show } from "../common/show.js";
import { watch } from "../common/watch.js";

export default function Page() {
  const shown = useRef(false);
  useEffect(() => {
    if (shown.current) return; // in development effects run twice
    shown.current = true;
    show(({ baseUrl, id }) => watch(new VideoClient({ baseUrl }), id));
  }, []);
  return <h1>Next</h1>;
}
