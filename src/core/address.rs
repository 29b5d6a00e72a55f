//! What is a web address: a text that a URL parser takes, with the scheme http or https and a host. It is a small parser
//! of our own, for the `url` crate is larger than all of the core. Where it cannot tell (a name beyond ASCII is a matter
//! of tables, and so is an IPv6 address) it lets a host pass, and it refuses a few spellings that no server writes (an IP
//! address as one number, say). The package's tests hold it against the URL parser of their host (`tests/node/responses.test.mjs`).

/// The address that a text is, as a URL parser reads it: nothing blank around it, no tabs and line breaks within, and
/// its spaces encoded. Nothing if it is none.
pub(super) fn read(text: &str) -> Option<String> {
    let mut address = String::new();
    let is_blank = |c: char| c <= ' ' || c.is_whitespace();
    for c in text.trim_matches(is_blank).chars() {
        match c {
            '\t' | '\n' | '\r' => {}
            ' ' => address.push_str("%20"),
            other => address.push(other),
        }
    }
    let after = |scheme: &str| {
        let (start, rest) = address.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let rest = after("https://").or_else(|| after("http://"))?;
    let is_end = |byte| matches!(byte, b'/' | b'\\' | b'?' | b'#');
    let end = rest.bytes().position(is_end).unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    // A user's name and password may stand before it.
    let start = authority.bytes().rposition(|byte| byte == b'@');
    let place = authority.get(start.map_or(0, |at| at + 1)..)?;
    is_place(place).then_some(address)
}

/// A host, perhaps with a port.
fn is_place(place: &str) -> bool {
    let end = place.bytes().rposition(|byte| matches!(byte, b':' | b']'));
    let end = end.filter(|end| place.as_bytes().get(*end) == Some(&b':'));
    let host = place.get(..end.unwrap_or(place.len())).unwrap_or_default();
    let port = place.get(host.len() + 1..).unwrap_or_default();
    // An IPv6 address is taken for one by its letters, since there is hardly a video at one.
    let is_ipv6 = |byte: u8| matches!(byte, b':' | b'.') || byte.is_ascii_hexdigit();
    let inner = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let is_host = match inner {
        Some(inner) => inner.len() > 1 && inner.bytes().all(is_ipv6),
        None => is_host(host),
    };
    is_host && (port.is_empty() || is_number(port, 65_535))
}

fn is_number(text: &str, most: u64) -> bool {
    is_digits(text) && text.parse::<u64>().is_ok_and(|number| number <= most)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name, or four numbers in the usual spelling.
fn is_host(host: &str) -> bool {
    let (mut labels, mut are_bytes, mut last) = (0, true, "");
    for label in host.split('.') {
        labels += 1;
        are_bytes &= is_number(label, 255) && (label.len() == 1 || !label.starts_with('0'));
        if !label.is_empty() {
            last = label;
        }
    }
    // What ends in a number is an IP address, or none at all.
    let is_ip = is_digits(last) || last.starts_with("0x") || last.starts_with("0X");
    let is_name = !host.is_empty() && host.bytes().all(is_of_host);
    is_name && (!is_ip || are_bytes && labels == 4)
}

/// The forbidden domain code points of the URL standard are not; nor is the percent sign, a coded letter there.
fn is_of_host(byte: u8) -> bool {
    !matches!(
        byte,
        0..=b' ' | b'#' | b'%' | b'/' | b':' | b'<' | b'>' | b'?' | b'@' | b'['..=b'^' | b'|' | 0x7f
    )
}
