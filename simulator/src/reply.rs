//! What goes into the model and what comes out: a request, and an answer together with the way it is to be sent.
//! Plain data: a front carries it out, and nothing here may know whether that front is a socket or a promise.

/// One HTTP request, as far as the model looks at it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// `GET`, `POST`, ... in upper case.
    pub method: &'a str,
    /// The path, with or without a query; the API's paths are recognised under any mount path.
    pub path: &'a str,
    /// The value of `x-api-key`, if it was sent.
    pub api_key: Option<&'a str>,
    /// The body of a POST.
    pub body: &'a str,
    /// Where media are seen from by this caller; the `media_base` of the options when absent.
    pub media_base: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// A GET of `path` with `api_key`.
    #[must_use]
    pub fn get(path: &'a str, api_key: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            api_key: Some(api_key),
            ..Self::default()
        }
    }

    /// A POST of the JSON text `body` to `path` with `api_key`.
    #[must_use]
    pub fn post(path: &'a str, api_key: &'a str, body: &'a str) -> Self {
        Self {
            method: "POST",
            path,
            api_key: Some(api_key),
            body,
            ..Self::default()
        }
    }
}

/// What the server does about a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It answers.
    Answer(Answer),
    /// It resets the connection before a byte of the answer.
    Reset,
    /// It never answers, and leaves the connection open.
    Hang,
}

/// An answer with a head.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Header names (lower case) and values. No `content-length`: how a body is framed is the front's affair.
    pub headers: Vec<(&'static str, String)>,
    /// The body, and how it is sent.
    pub body: Body,
}

/// A body, and how it is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// All of it, at once.
    Whole(String),
    /// `open`, then `filler` spaces, then `close`. Streamed: it is never to be held in memory whole.
    Long {
        /// How the body begins.
        open: String,
        /// How many spaces follow.
        filler: u64,
        /// How it ends.
        close: String,
    },
    /// This much, then nothing more, with the connection left open.
    Stalled(String),
    /// `sent`, then the connection is cut although `declared` bytes were announced.
    Cut {
        /// The part that is sent.
        sent: String,
        /// The length of the whole body, in bytes.
        declared: usize,
    },
}

impl Reply {
    /// The HTTP status, if there is one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answer(answer) => Some(answer.status),
            Self::Reset | Self::Hang => None,
        }
    }

    /// The value of the header `name` (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        match self {
            Self::Answer(answer) => answer
                .headers
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.as_str()),
            Self::Reset | Self::Hang => None,
        }
    }

    /// The body's text when it arrives whole and is small.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Answer(Answer {
                body: Body::Whole(text),
                ..
            }) => Some(text),
            _ => None,
        }
    }

    /// An answer with a JSON body.
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::typed(status, "application/json", body.to_string())
    }

    /// An answer that says in words why it is none: `{"error": ...}`.
    pub(crate) fn refusal(status: u16, words: &str) -> Self {
        Self::json(status, &serde_json::json!({ "error": words }))
    }

    /// An answer of some content type.
    pub(crate) fn typed(status: u16, content_type: &str, body: String) -> Self {
        Self::Answer(Answer {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: Body::Whole(body),
        })
    }
}
