// A program on a server: its task and the key are in the environment.
import process from "node:process";
import { VideoClient } from "iacrea-video";
import { watch } from "./watch.js";

const { API_BASE, VIDEO_ID, IACREA_API_KEY } = process.env;
console.log(JSON.stringify(await watch(new VideoClient({ baseUrl: API_BASE, apiKey: IACREA_API_KEY }), VIDEO_ID)));
