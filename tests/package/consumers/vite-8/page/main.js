import "../common/page.js";
