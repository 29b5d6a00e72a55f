// program.mjs, for those who require.
const { VideoClient } = require("iacrea-video");
const { watch } = require("./watch.cjs");

const { API_BASE, VIDEO_ID, IACREA_API_KEY } = process.env;
watch(new VideoClient({ baseUrl: API_BASE, apiKey: IACREA_API_KEY }), VIDEO_ID).then((result) => {
  console.log(JSON.stringify(result));
});
