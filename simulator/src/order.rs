//! Reads the two documented orders for a new video and refuses what the documentation refuses.
//! It must refuse in the server's words, as HTTP 400, and never guess what was meant.

use serde_json::Value;

/// What an order says that matters to a pretend video.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) clips: usize,
    pub(crate) format: String,
}

const FORMATS: [&str; 3] = ["landscape", "portrait", "square"];

/// The body of `POST .../generate/video/auto`, or the words of the refusal.
pub(crate) fn auto_order(body: &str) -> Result<Order, &'static str> {
    let body = object(body)?;
    let images = strings(&body, "image_urls").unwrap_or_default();
    if images == 0 {
        return Err("image_urls must hold at least one URL");
    }
    let words = body.get("description").and_then(Value::as_str);
    if words.is_none_or(|text| text.chars().count() < 10) {
        return Err("description must have at least 10 characters");
    }
    let format = match body.get("format") {
        None => FORMATS[0],
        Some(format) => known_format(format)?,
    };
    if let Some(colors) = body.get("colors") {
        two_colors(colors)?;
    }
    logo(&body)?;
    Ok(Order {
        clips: images,
        format: format.to_owned(),
    })
}

/// The body of `POST .../generate/video`, or the words of the refusal.
pub(crate) fn video_order(body: &str) -> Result<Order, &'static str> {
    let body = object(body)?;
    let Some(video) = body.get("video").filter(|video| video.is_object()) else {
        return Err("video is required");
    };
    let format = video.get("format").ok_or("video.format is required")?;
    let format = known_format(format)?;
    two_colors(video.get("colors").ok_or("video.colors is required")?)?;
    logo(video)?;
    let sequences = video.get("sequences").and_then(Value::as_array);
    let clips = sequences.map_or(0, Vec::len);
    if clips == 0 {
        return Err("video.sequences must hold at least one sequence");
    }
    Ok(Order {
        clips,
        format: format.to_owned(),
    })
}

/// The clip that `POST .../generate/sequence/{id}` names, or the words of the refusal.
pub(crate) fn sequence_order(body: &str) -> Result<String, &'static str> {
    object(body)?
        .get("sequenceId")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or("sequenceId is required")
}

fn object(body: &str) -> Result<Value, &'static str> {
    serde_json::from_str(body)
        .ok()
        .filter(Value::is_object)
        .ok_or("The body must be a JSON object")
}

/// How many strings the list `name` holds; none when it holds anything else.
fn strings(body: &Value, name: &str) -> Option<usize> {
    let items = body.get(name)?.as_array()?;
    items.iter().all(Value::is_string).then_some(items.len())
}

fn known_format(format: &Value) -> Result<&'static str, &'static str> {
    FORMATS
        .into_iter()
        .find(|known| format.as_str() == Some(known))
        .ok_or("format must be landscape, portrait or square")
}

fn two_colors(colors: &Value) -> Result<(), &'static str> {
    match colors.as_array().map(Vec::as_slice) {
        Some([Value::String(_), Value::String(_)]) => Ok(()),
        _ => Err("colors must hold two colors"),
    }
}

fn logo(body: &Value) -> Result<(), &'static str> {
    let shown = body.get("displayLogo").and_then(Value::as_bool) == Some(true);
    if shown && body.get("logoUrl").and_then(Value::as_str).is_none() {
        return Err("logoUrl is required when displayLogo is true");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{auto_order, sequence_order, video_order};

    #[test]
    fn an_auto_order_needs_images_and_words() {
        let order = auto_order(
            r#"{"image_urls":["a","b"],"description":"a house by the sea","format":"square"}"#,
        );
        assert_eq!(
            order.map(|order| (order.clips, order.format)),
            Ok((2, "square".to_owned()))
        );
        for refused in [
            "",
            "[]",
            r#"{"description":"a house by the sea"}"#,
            r#"{"image_urls":[],"description":"a house by the sea"}"#,
            r#"{"image_urls":["a"],"description":"short"}"#,
            r#"{"image_urls":["a"],"description":"a house by the sea","format":"round"}"#,
            r##"{"image_urls":["a"],"description":"a house by the sea","colors":["#fff"]}"##,
            r#"{"image_urls":["a"],"description":"a house by the sea","displayLogo":true}"#,
        ] {
            assert!(auto_order(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_video_order_needs_format_colors_and_sequences() {
        let order = video_order(
            r##"{"video":{"format":"portrait","colors":["#000","#fff"],"sequences":[{},{},{}]}}"##,
        );
        assert_eq!(order.map(|order| order.clips), Ok(3));
        for refused in [
            "{}",
            r##"{"video":{"colors":["#000","#fff"],"sequences":[{}]}}"##,
            r#"{"video":{"format":"portrait","sequences":[{}]}}"#,
            r##"{"video":{"format":"portrait","colors":["#000","#fff"],"sequences":[]}}"##,
        ] {
            assert!(video_order(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_sequence_order_names_its_clip() {
        assert_eq!(sequence_order(r#"{"sequenceId":"s"}"#), Ok("s".to_owned()));
        assert!(sequence_order("{}").is_err());
    }
}
