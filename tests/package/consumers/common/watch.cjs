// watch.js, for those who require.

exports.watch = async function watch(client, id) {
  const updates = [];
  const video = await client.waitForVideo(id, {
    minIntervalMs: 30,
    maxIntervalMs: 80,
    onUpdate: ({ status, overall }) => updates.push({ status, overall }),
  });
  return { status: video.status, url: video.url, id: video.id, requests: video.requests, updates };
};
