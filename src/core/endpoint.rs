//! Where a client asks: the URL of a video, checked before anything is sent there. It must never let
//! a key go where others can read it, and no message of it repeats what it was given.
//!
//! `#[inline]` keeps the compiler from laying out a module around what that module never calls.

use super::error::Failure;
use super::percent;
use std::net::Ipv4Addr;

/// The header that carries the key (documented).
pub const KEY_HEADER: &str = "x-api-key";
/// The public API (documented).
pub const DEFAULT_BASE_URL: &str = "https://iacrea.com";

/// Which of the two calls answers for a video.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `.../generate/video/{id}` (documented).
    #[default]
    Video,
    /// `.../generate/video/auto/{id}`, for videos that were ordered with "auto" (path documented,
    /// its body inferred to be the same).
    Auto,
}

/// The URL of every video of one account, but for the id.
///
/// ```
/// use iacrea_video::core::endpoint::{DEFAULT_BASE_URL, Endpoint, Kind};
///
/// let endpoint = Endpoint::new(DEFAULT_BASE_URL, Kind::Video, Some("a key"))?;
/// assert_eq!(
///     endpoint.url("a/b"),
///     "https://iacrea.com/api/video-editor/generate/video/a%2Fb"
/// );
/// assert!(Endpoint::new("http://iacrea.com", Kind::Video, Some("a key")).is_err());
/// # Ok::<(), iacrea_video::core::error::Failure>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    prefix: String,
}

impl Endpoint {
    /// `base_url` is absolute, http or https, in ASCII (an internationalised name in its `xn--`
    /// form), with no user name, query or fragment; a path is kept. `api_key` is the key that is
    /// going to be sent there, if any: it must fit into a header, and it goes over https, or over
    /// plain http to `localhost`, 127.0.0.0/8 and `[::1]` only.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`](super::error::ErrorCode::InvalidArgument), saying which of
    /// these does not hold.
    #[inline]
    pub fn new(base_url: &str, kind: Kind, api_key: Option<&str>) -> Result<Self, Failure> {
        let refuse = |what| Err(Failure::invalid(what));
        // A parser that carries the request may read blanks, backslashes and the like in its own way.
        if !base_url
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        {
            return refuse("baseUrl must be a URL");
        }
        let Some((scheme, rest)) = base_url.split_once("://") else {
            return refuse("baseUrl must be an absolute URL");
        };
        let is_plain = scheme.eq_ignore_ascii_case("http");
        if !is_plain && !scheme.eq_ignore_ascii_case("https") {
            return refuse("baseUrl must be http or https");
        }
        if rest.contains(['?', '#']) {
            return refuse("baseUrl must have no query and no fragment");
        }
        let authority = rest.split('/').next().unwrap_or_default();
        if authority.contains('@') {
            return refuse("baseUrl must not hold a user name or password");
        }
        let Some(host) = host(authority) else {
            return refuse("baseUrl must name a host");
        };
        if let Some(key) = api_key {
            if key.trim().is_empty() {
                return refuse("apiKey must be a text that is not empty");
            }
            if key.chars().any(|c| c.is_control() || c > '\u{FF}') {
                return refuse("apiKey holds something that no HTTP header can");
            }
            if is_plain && !is_loopback(&host.to_ascii_lowercase()) {
                return refuse(
                    "a key is sent over plain http to localhost, 127.0.0.0/8 and [::1] only; use https for baseUrl",
                );
            }
        }
        let folder = match kind {
            Kind::Video => "video/",
            Kind::Auto => "video/auto/",
        };
        let base = base_url.trim_end_matches('/');
        let prefix = [base, "/api/video-editor/generate/", folder].concat();
        Ok(Self { prefix })
    }

    /// All of the URL but the id, which follows as one encoded segment.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What to ask about the video `id`. See [`check_id`](super::machine::check_id) for the few
    /// texts that cannot name one.
    #[inline]
    pub fn url(&self, id: &str) -> String {
        let mut url = self.prefix.clone();
        percent::encode(id, &mut url);
        url
    }
}

/// The host without its port, if both are well-formed.
#[inline]
fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rfind(']') {
        Some(at) => authority.split_at(at + 1),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_number = port
        .strip_prefix(':')
        .is_none_or(|digits| digits.parse::<u16>().is_ok());
    let port_is_sound = is_number && (port.is_empty() || port.starts_with(':'));
    let name = match host
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
    {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    };
    (name && port_is_sound).then_some(host)
}

/// Names under `.localhost` are not among them: where the system does not know them, it asks a name
/// server on the network.
#[inline]
fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host == "[::1]"
        || host.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(base_url: &str, key: Option<&str>) -> Option<String> {
        Endpoint::new(base_url, Kind::Video, key)
            .err()
            .map(|failure| failure.to_string())
    }

    #[test]
    fn a_base_url_is_kept_with_its_path_and_each_kind_has_its_folder() {
        for (base, kind, url) in [
            (
                "https://iacrea.com",
                Kind::Video,
                "https://iacrea.com/api/video-editor/generate/video/v",
            ),
            (
                "https://iacrea.com//",
                Kind::Auto,
                "https://iacrea.com/api/video-editor/generate/video/auto/v",
            ),
            (
                "http://[2001:db8::1]:8080/a/b/",
                Kind::Video,
                "http://[2001:db8::1]:8080/a/b/api/video-editor/generate/video/v",
            ),
        ] {
            assert_eq!(Endpoint::new(base, kind, None).unwrap().url("v"), url);
        }
    }

    #[test]
    fn an_id_stays_one_segment_whatever_is_in_it() {
        let endpoint = Endpoint::new(DEFAULT_BASE_URL, Kind::Video, None).unwrap();
        let url = endpoint.url("../a?b#c%2F é\n");
        let id = url.strip_prefix(endpoint.prefix()).unwrap();
        assert_eq!(id, "..%2Fa%3Fb%23c%252F%20%C3%A9%0A");
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for base in [
            "",
            "iacrea.com",
            "/video-proxy",
            "//iacrea.com",
            "ftp://iacrea.com",
            "javascript://iacrea.com",
            "https://",
            "https:///path",
            "https://:80",
            "https://iacrea.com:",
            "https://iacrea.com:80x",
            "https://iacrea.com:65536",
            "https://[::1",
            "https://[::g]",
            "https://[::1]x",
            "https://iacrea.com?",
            "https://iacrea.com/?x=1",
            "https://iacrea.com#x",
            "https://user@iacrea.com",
            "https://user:word@iacrea.com",
            "https://iacrea.com\\@evil.test",
            "https://iacrea.com /",
            " https://iacrea.com",
            "https://iacrea.com\n",
            "https://iacr\té.com",
            "https://iacrea%2ecom",
        ] {
            let words = refusal(base, None).expect(base);
            assert!(words.contains("baseUrl"), "{base:?}: {words}");
        }
    }

    #[test]
    fn a_key_goes_over_https_or_to_a_loopback_address_alone() {
        for base in [
            "https://iacrea.com",
            "HTTPS://anywhere.test",
            "http://localhost:1",
            "http://LOCALHOST",
            "http://127.0.0.1:8080",
            "HTTP://127.9.9.9",
            "http://[::1]:1",
        ] {
            assert_eq!(refusal(base, Some("a key")), None, "{base}");
        }
        for base in [
            "http://iacrea.com",
            "http://localhost.evil.test",
            "http://a.localhost",
            "http://localhost.",
            "http://evillocalhost",
            "http://127.0.0.1.evil.test",
            "http://127.1",
            "http://127.0.0.1000",
            "http://128.0.0.1",
            "http://[::2]",
            "http://[::ffff:127.0.0.1]",
            "http://0.0.0.0",
        ] {
            assert!(
                refusal(base, Some("a key")).is_some_and(|words| words.contains("plain http")),
                "{base}"
            );
            assert_eq!(
                refusal(base, None),
                None,
                "{base} needs no https without a key"
            );
        }
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_refused_and_never_quoted() {
        for key in [
            "",
            " \t",
            "se\ncret",
            "se\rcret",
            "se\0cret",
            "secret\u{2713}",
        ] {
            let words = refusal(DEFAULT_BASE_URL, Some(key)).unwrap();
            assert!(
                words.contains("apiKey") && !words.contains("cret"),
                "{words}"
            );
        }
        assert_eq!(refusal(DEFAULT_BASE_URL, Some("ké y")), None);
    }
}
