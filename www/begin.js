// @ts-check
// Begins the demo, and says so where a part of it cannot be had: a page that is "Starting" for ever helps nobody.

import("./app.js").catch((error) => {
  document.getElementById("phase")?.replaceChildren("The page could not start");
  document.getElementById("time-left")?.replaceChildren(`Reload it to try again. ${error}`);
});
