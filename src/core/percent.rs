//! Percent encoding, as a segment of a path and a field of a token need it. Only what both leave
//! unchanged stays as it is, so nobody has to know what else their reader might take for a mark.

/// Appends `text`, every byte but ASCII letters, digits, `-`, `_` and `.` as `%XX`.
pub(crate) fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let digit = |value: u8| {
                char::from(
                    b"0123456789ABCDEF"
                        .get(usize::from(value))
                        .copied()
                        .unwrap_or(b'0'),
                )
            };
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}
