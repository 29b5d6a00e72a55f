// The catalogue of simulator scenarios, written by simulator/tests/catalogue.rs from the crate's own list.
// It is here so that names and titles are at hand before the module is loaded. Never edit it by hand.

export const catalogue = [
  {
    "description": "Four to eight clips are generated, then the video is rendered.",
    "expect": "done",
    "group": "life",
    "name": "happy",
    "title": "All goes well"
  },
  {
    "description": "One clip fails, the video goes back to PENDING, and the clip is generated again.",
    "expect": "done",
    "group": "life",
    "name": "regenerate",
    "title": "A clip is redone"
  },
  {
    "description": "Three clips fail, and fail again, before the video is rendered.",
    "expect": "done",
    "group": "life",
    "name": "regenerate-many",
    "title": "Three clips are redone twice"
  },
  {
    "description": "The video stays PENDING for one to three minutes before the first clip begins.",
    "expect": "done",
    "group": "life",
    "name": "slow-start",
    "title": "A long queue"
  },
  {
    "description": "Clips and render take a few seconds.",
    "expect": "done",
    "group": "life",
    "name": "quick",
    "title": "Done in seconds"
  },
  {
    "description": "The video has one clip only.",
    "expect": "done",
    "group": "life",
    "name": "one-clip",
    "title": "A single clip"
  },
  {
    "description": "Fifty clips are generated, ten at a time.",
    "expect": "done",
    "group": "life",
    "name": "many-clips",
    "title": "Fifty clips"
  },
  {
    "description": "Twice the render is thrown away at its end and the video goes back to GENERATING_VIDEO.",
    "expect": "done",
    "group": "life",
    "name": "status-back",
    "title": "The render starts over"
  },
  {
    "description": "The render's progress is given in percent.",
    "expect": "done",
    "group": "dialect",
    "name": "progress-percent",
    "title": "Progress from 0 to 100"
  },
  {
    "description": "Progress and credits are numeric strings.",
    "expect": "done",
    "group": "dialect",
    "name": "numbers-as-text",
    "title": "Numbers as text"
  },
  {
    "description": "Progress runs from \"0\" to \"100\", as numeric strings.",
    "expect": "done",
    "group": "dialect",
    "name": "percent-as-text",
    "title": "Percent as text"
  },
  {
    "description": "Every status is written in lower case.",
    "expect": "done",
    "group": "dialect",
    "name": "lower-case",
    "title": "Statuses in lower case"
  },
  {
    "description": "Statuses are written as words, with a space at each end.",
    "expect": "done",
    "group": "dialect",
    "name": "status-spaces",
    "title": "Statuses with spaces"
  },
  {
    "description": "Statuses are written in lower case with dashes.",
    "expect": "done",
    "group": "dialect",
    "name": "status-dashes",
    "title": "Statuses with dashes"
  },
  {
    "description": "DONE gives the final URL as videoUrl.",
    "expect": "done",
    "group": "dialect",
    "name": "url-video-url",
    "title": "The URL is called videoUrl"
  },
  {
    "description": "DONE gives the final URL as video_url.",
    "expect": "done",
    "group": "dialect",
    "name": "url-snake-case",
    "title": "The URL is called video_url"
  },
  {
    "description": "DONE gives the final URL as finalVideoUrl.",
    "expect": "done",
    "group": "dialect",
    "name": "url-final",
    "title": "The URL is called finalVideoUrl"
  },
  {
    "description": "DONE gives the final URL as outputUrl.",
    "expect": "done",
    "group": "dialect",
    "name": "url-output",
    "title": "The URL is called outputUrl"
  },
  {
    "description": "DONE gives the final URL under a name no document mentions.",
    "expect": "done",
    "group": "dialect",
    "name": "url-unknown-name",
    "title": "The URL has a name nobody knows"
  },
  {
    "description": "DONE names the video as videoId.",
    "expect": "done",
    "group": "dialect",
    "name": "id-video-id",
    "title": "The id is called videoId"
  },
  {
    "description": "DONE names the video as video_id.",
    "expect": "done",
    "group": "dialect",
    "name": "id-snake-case",
    "title": "The id is called video_id"
  },
  {
    "description": "DONE names the video by a number.",
    "expect": "done",
    "group": "dialect",
    "name": "id-number",
    "title": "The id is a number"
  },
  {
    "description": "DONE does not name the video.",
    "expect": "done",
    "group": "dialect",
    "name": "id-absent",
    "title": "No id"
  },
  {
    "description": "PENDING says what it does in the field error.",
    "expect": "done",
    "group": "dialect",
    "name": "text-error",
    "title": "Words under error"
  },
  {
    "description": "PENDING says what it does in the field detail.",
    "expect": "done",
    "group": "dialect",
    "name": "text-detail",
    "title": "Words under detail"
  },
  {
    "description": "PENDING says what it does in an object under error.",
    "expect": "done",
    "group": "dialect",
    "name": "text-nested",
    "title": "Words in an object"
  },
  {
    "description": "PENDING says nothing at all.",
    "expect": "done",
    "group": "dialect",
    "name": "text-absent",
    "title": "No words"
  },
  {
    "description": "The list of clips comes while rendering, too.",
    "expect": "done",
    "group": "dialect",
    "name": "content-always",
    "title": "Clips with every answer"
  },
  {
    "description": "No answer ever lists the clips.",
    "expect": "done",
    "group": "dialect",
    "name": "content-never",
    "title": "No list of clips"
  },
  {
    "description": "Clips lack fields, have fields of wrong types and statuses nobody knows, or are no objects.",
    "expect": "done",
    "group": "dialect",
    "name": "content-odd",
    "title": "Odd clips"
  },
  {
    "description": "No answer tells the credits.",
    "expect": "done",
    "group": "dialect",
    "name": "credits-missing",
    "title": "No credits"
  },
  {
    "description": "Credits are negative, huge, NaN or no numbers.",
    "expect": "done",
    "group": "dialect",
    "name": "credits-odd",
    "title": "Odd credits"
  },
  {
    "description": "Every body begins with a byte order mark.",
    "expect": "done",
    "group": "dialect",
    "name": "byte-order-mark",
    "title": "A byte order mark"
  },
  {
    "description": "About one request in four fails in one of several ways.",
    "expect": "done",
    "group": "fault",
    "name": "flaky",
    "title": "A flaky network"
  },
  {
    "description": "Every fifth request is answered with 500.",
    "expect": "done",
    "group": "fault",
    "name": "server-error",
    "title": "Now and then a 500"
  },
  {
    "description": "Four requests in a row are answered with 503, again and again.",
    "expect": "done",
    "group": "fault",
    "name": "unavailable",
    "title": "Bursts of 503"
  },
  {
    "description": "Twice a gateway answers 502 with a page of HTML.",
    "expect": "done",
    "group": "fault",
    "name": "bad-gateway",
    "title": "A gateway's error page"
  },
  {
    "description": "One request is answered with 408, another with 425.",
    "expect": "done",
    "group": "fault",
    "name": "request-timeout",
    "title": "A 408 and a 425"
  },
  {
    "description": "Every sixth request is answered with 429 and asks for three seconds.",
    "expect": "done",
    "group": "fault",
    "name": "rate-limited",
    "title": "Rate limited"
  },
  {
    "description": "Every sixth request is answered with 429 and an HTTP date four seconds ahead.",
    "expect": "done",
    "group": "fault",
    "name": "rate-limited-date",
    "title": "Rate limited until a date"
  },
  {
    "description": "Now and then a 503 gives an HTTP date four seconds ahead.",
    "expect": "done",
    "group": "fault",
    "name": "unavailable-date",
    "title": "503 until a date"
  },
  {
    "description": "A 429 asks to wait until an hour ago.",
    "expect": "done",
    "group": "fault",
    "name": "retry-after-past",
    "title": "Retry-After in the past"
  },
  {
    "description": "A 429 asks to wait for \"a while\".",
    "expect": "done",
    "group": "fault",
    "name": "retry-after-garbled",
    "title": "Retry-After makes no sense"
  },
  {
    "description": "Every fourth connection is reset before the answer.",
    "expect": "done",
    "group": "fault",
    "name": "reset",
    "title": "Connections are reset"
  },
  {
    "description": "Two requests are never answered, one while clips are generated and one while rendering.",
    "expect": "done",
    "group": "fault",
    "name": "hang",
    "title": "Requests that hang"
  },
  {
    "description": "Two answers stop in the middle of the body and never go on.",
    "expect": "done",
    "group": "fault",
    "name": "stall",
    "title": "Bodies that stall"
  },
  {
    "description": "Every fifth connection is cut in the middle of the body.",
    "expect": "done",
    "group": "fault",
    "name": "truncated",
    "title": "Bodies that are cut off"
  },
  {
    "description": "Every fifth answer holds only the first half of its JSON.",
    "expect": "done",
    "group": "fault",
    "name": "half-json",
    "title": "Half of the JSON"
  },
  {
    "description": "Every fifth answer is a page of HTML with status 200.",
    "expect": "done",
    "group": "fault",
    "name": "html",
    "title": "A page instead of JSON"
  },
  {
    "description": "Every fifth answer is the JSON value null.",
    "expect": "done",
    "group": "fault",
    "name": "null",
    "title": "The answer is null"
  },
  {
    "description": "Some answers are a JSON array, some an object without a status.",
    "expect": "done",
    "group": "fault",
    "name": "no-object",
    "title": "Arrays and objects without a status"
  },
  {
    "description": "Every fifth answer is 204, without a body.",
    "expect": "done",
    "group": "fault",
    "name": "no-content",
    "title": "204"
  },
  {
    "description": "Every fifth answer is 200 with an empty body.",
    "expect": "done",
    "group": "fault",
    "name": "empty",
    "title": "An empty body"
  },
  {
    "description": "Two answers are 64 MB long.",
    "expect": "done",
    "group": "fault",
    "name": "huge",
    "title": "64 MB"
  },
  {
    "description": "For a while the status is a word nobody knows, then all goes on.",
    "expect": "done",
    "group": "fault",
    "name": "unknown-status",
    "title": "A status nobody knows"
  },
  {
    "description": "Every third answer gives half of the progress it gave before.",
    "expect": "done",
    "group": "fault",
    "name": "progress-back",
    "title": "Progress falls"
  },
  {
    "description": "DONE comes three times without a URL, then with it.",
    "expect": "done",
    "group": "fault",
    "name": "done-without-url",
    "title": "DONE, but no URL yet"
  },
  {
    "description": "After the render the server answers ERROR with a message.",
    "expect": "video_failed",
    "group": "end",
    "name": "failed",
    "title": "The video fails"
  },
  {
    "description": "While clips are generated the server answers ERROR with a message.",
    "expect": "video_failed",
    "group": "end",
    "name": "failed-early",
    "title": "The video fails early"
  },
  {
    "description": "The server answers ERROR with its words in the field error.",
    "expect": "video_failed",
    "group": "end",
    "name": "failed-error",
    "title": "Failure, words under error"
  },
  {
    "description": "The server answers ERROR with its words in the field detail.",
    "expect": "video_failed",
    "group": "end",
    "name": "failed-detail",
    "title": "Failure, words under detail"
  },
  {
    "description": "The server answers ERROR with its words in an object.",
    "expect": "video_failed",
    "group": "end",
    "name": "failed-nested",
    "title": "Failure, words in an object"
  },
  {
    "description": "The server answers ERROR and says nothing more.",
    "expect": "video_failed",
    "group": "end",
    "name": "failed-silent",
    "title": "Failure without words"
  },
  {
    "description": "Every request is answered with 401.",
    "expect": "unauthorized",
    "group": "end",
    "name": "unauthorized",
    "title": "The key is refused"
  },
  {
    "description": "From the fourth request on the answer is 401.",
    "expect": "unauthorized",
    "group": "end",
    "name": "unauthorized-later",
    "title": "The key is withdrawn"
  },
  {
    "description": "Every request is answered with 403.",
    "expect": "unauthorized",
    "group": "end",
    "name": "forbidden",
    "title": "Forbidden"
  },
  {
    "description": "Every request is answered with 404.",
    "expect": "not_found",
    "group": "end",
    "name": "not-found",
    "title": "No such video"
  },
  {
    "description": "From the fourth request on the answer is 404.",
    "expect": "not_found",
    "group": "end",
    "name": "not-found-later",
    "title": "The video is deleted"
  },
  {
    "description": "Every request is answered with 400.",
    "expect": "http",
    "group": "end",
    "name": "bad-request",
    "title": "A bad request"
  },
  {
    "description": "From the third request on the answer is 402.",
    "expect": "http",
    "group": "end",
    "name": "payment-required",
    "title": "No credits left"
  },
  {
    "description": "From the third request on the answer is 302 to another place on the same origin.",
    "expect": "redirected",
    "group": "end",
    "name": "redirect",
    "title": "A redirect"
  },
  {
    "description": "Every answer is 308 to another place on the same origin.",
    "expect": "redirected",
    "group": "end",
    "name": "redirect-permanent",
    "title": "A permanent redirect"
  },
  {
    "description": "Every answer is 307 to another origin, which must never see the key.",
    "expect": "redirected",
    "group": "end",
    "name": "redirect-other-origin",
    "title": "A redirect to another origin"
  },
  {
    "description": "From the third request on the answer is 302 to another origin, which must never see the key.",
    "expect": "redirected",
    "group": "end",
    "name": "redirect-other-origin-later",
    "title": "A late redirect to another origin"
  },
  {
    "description": "From the third request on the answer is 500.",
    "expect": "http",
    "group": "end",
    "name": "server-error-for-ever",
    "title": "Nothing but 500"
  },
  {
    "description": "Every request is answered with 503, which asks for two seconds.",
    "expect": "http",
    "group": "end",
    "name": "unavailable-for-ever",
    "title": "Nothing but 503"
  },
  {
    "description": "From the third request on the answer is 429, which asks for two seconds.",
    "expect": "rate_limited",
    "group": "end",
    "name": "rate-limited-for-ever",
    "title": "Nothing but 429"
  },
  {
    "description": "The third request is answered with 429 and asks for 30 days.",
    "expect": "timeout",
    "group": "end",
    "name": "retry-after-month",
    "title": "Come back in 30 days"
  },
  {
    "description": "The third request is answered with 503 and an HTTP date 30 days ahead.",
    "expect": "timeout",
    "group": "end",
    "name": "retry-after-month-date",
    "title": "Come back next month"
  },
  {
    "description": "From the third request on every connection is reset.",
    "expect": "network",
    "group": "end",
    "name": "reset-for-ever",
    "title": "The server is gone"
  },
  {
    "description": "From the third request on none is answered.",
    "expect": "network",
    "group": "end",
    "name": "hang-for-ever",
    "title": "The server is mute"
  },
  {
    "description": "From the third request on every body stops in the middle.",
    "expect": "network",
    "group": "end",
    "name": "stall-for-ever",
    "title": "Every body stalls"
  },
  {
    "description": "From the third request on every connection is cut in the middle of the body.",
    "expect": "network",
    "group": "end",
    "name": "truncated-for-ever",
    "title": "Every body is cut off"
  },
  {
    "description": "From the third request on every answer holds only half of its JSON.",
    "expect": "bad_response",
    "group": "end",
    "name": "half-json-for-ever",
    "title": "Nothing but half JSON"
  },
  {
    "description": "Every answer is a page of HTML with status 200.",
    "expect": "bad_response",
    "group": "end",
    "name": "html-for-ever",
    "title": "Nothing but HTML"
  },
  {
    "description": "Every answer is the JSON value null.",
    "expect": "bad_response",
    "group": "end",
    "name": "null-for-ever",
    "title": "Nothing but null"
  },
  {
    "description": "Every answer is 204.",
    "expect": "bad_response",
    "group": "end",
    "name": "no-content-for-ever",
    "title": "Nothing but 204"
  },
  {
    "description": "From the second request on every answer is 64 MB long.",
    "expect": "bad_response",
    "group": "end",
    "name": "huge-for-ever",
    "title": "Nothing but 64 MB"
  },
  {
    "description": "DONE comes, but no URL ever does.",
    "expect": "bad_response",
    "group": "end",
    "name": "done-without-url-for-ever",
    "title": "DONE, but never a URL"
  },
  {
    "description": "From the third request on the status is a word nobody knows.",
    "expect": "timeout",
    "group": "end",
    "name": "unknown-status-for-ever",
    "title": "Nothing but an unknown status"
  },
  {
    "description": "The video stays PENDING.",
    "expect": "timeout",
    "group": "end",
    "name": "pending-for-ever",
    "title": "Nothing ever begins"
  },
  {
    "description": "The render comes to 99 % and stays there.",
    "expect": "timeout",
    "group": "end",
    "name": "render-for-ever",
    "title": "The render never ends"
  },
  {
    "description": "Each render is thrown away at its end and the video goes back to GENERATING_VIDEO.",
    "expect": "timeout",
    "group": "end",
    "name": "backwards-for-ever",
    "title": "Round and round"
  }
] as const;
