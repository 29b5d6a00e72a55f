"use client";

import { VideoClient } from "iacrea-video";
import { useEffect } from "react";
import { show } from "../shared/show.js";
import { watch } from "../shared/watch.js";

export default function Page() {
  useEffect(() => {
    show(({ baseUrl, id }) => watch(new VideoClient({ baseUrl }), id));
  }, []);
  return <h1>Next</h1>;
}
